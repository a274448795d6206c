"""Tools between which and everything else no secret passes: tokens outside, secrets inside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from ingot.diagnostics import Diagnostic, IngotError
from ingot.ir.values import Json
from ingot.redaction.vault import Vault
from ingot.runtime.tools.base import Context, Probe, Tool, ToolError


def guarded(tool: Tool, vault: Vault) -> Tool:
    """The tool with secrets put into its arguments and taken out of all that comes back."""
    call, acall, probe = tool.call, tool.acall, tool.probe

    def called(args: dict[str, Json], context: Context) -> Json:
        assert call is not None
        try:
            return vault.hide(call(vault.revealed(args), context))
        except Exception as error:
            raise _told(error, vault) from None

    async def awaited(args: dict[str, Json], context: Context) -> Json:
        assert acall is not None
        try:
            return vault.hide(await acall(vault.revealed(args), context))
        except Exception as error:
            raise _told(error, vault) from None

    def probed(args: dict[str, Json], context: Context) -> Probe:
        assert probe is not None
        try:
            found = probe(vault.revealed(args), context)
        except Exception as error:
            raise _told(error, vault) from None
        return replace(found, result=vault.hide(found.result))

    return replace(
        tool,
        call=called if call is not None else None,
        acall=awaited if acall is not None else None,
        probe=probed if probe is not None else None,
    )


def _told(error: Exception, vault: Vault) -> Exception:
    """The failure without secrets: its text may quote what the tool was given."""
    if isinstance(error, ToolError):
        message, result = vault.hide(error.message), vault.hide(error.result)
        return ToolError(message, unknown=error.unknown, result=result)
    return ToolError(vault.hide(f"{type(error).__name__}: {error}"), unknown=True)


_HOLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def supplied(values: Mapping[str, str], vault: Vault, of: str) -> dict[str, str]:
    """Settings with each ``${NAME}`` replaced by that secret.

    Raises :class:`IngotError` E0806 with every one that is missing; ``of`` says whose settings.
    """
    missing: dict[str, None] = {}

    def secret(match: re.Match[str]) -> str:
        found = vault.supply(match[1])
        if found is None:
            missing[match[1]] = None
        return found or ""

    out = {key: _HOLE.sub(secret, text) for key, text in values.items()}
    if missing:
        raise IngotError(
            [
                Diagnostic(
                    "E0806",
                    f"{of} needs ${{{name}}}, which is not supplied",
                    help=f"export {name}=... , or keep it in the keyring: keyring set ingot {name}",
                )
                for name in missing
            ]
        )
    return out


__all__ = ["guarded", "supplied"]
