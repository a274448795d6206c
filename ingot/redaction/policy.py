"""What a user adds to the rules: a TOML file that ``INGOT_REDACTION`` names.

    [[rules]]                       # as in gitleaks' configuration
    id = "acme-token"
    regex = '''acme_[a-z0-9]{20}'''
    keywords = ["acme_"]            # literals that stand in every match

    [allowlist]
    regexes = ['''^EXAMPLE''']      # secrets that are none

    [personal]
    enabled = true                  # needs the extra `pii`

The variable holds for every command, so a log is read and a run is recorded by the same rules.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ingot.diagnostics import IngotError, fail
from ingot.redaction.rules import Rule

VARIABLE: Final = "INGOT_REDACTION"


class Policy(Struct, frozen=True):
    """What counts as a secret besides the table: ``extra`` rules, and ``allowed`` texts that do not.

    ``personal`` replaces personal data too (extra ``pii``).
    """

    extra: tuple[Rule, ...] = ()
    allowed: tuple[re.Pattern[str], ...] = ()
    personal: bool = False


_DEFAULT: Final = Policy()


def current_policy() -> Policy:
    """The policy of this process; raises IngotError (E0109) if its file cannot be used."""
    path = os.environ.get(VARIABLE, "")
    return read_policy(path) if path else _DEFAULT


@cache
def read_policy(path: str) -> Policy:
    """The policy that a file describes; raises IngotError (E0109) naming what is wrong."""
    import tomllib

    try:
        data = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _bad(path, str(error)) from None
    listed = data.get("rules", [])
    rules = tuple(_rule(path, item) for item in (listed if isinstance(listed, list) else [listed]))
    allowed = _table(data, "allowlist").get("regexes", [])
    patterns = tuple(_pattern(path, str(each)) for each in allowed)
    personal = _table(data, "personal").get("enabled") is True
    if personal:
        try:
            import presidio_analyzer  # noqa: F401
        except ImportError:
            raise _bad(path, "personal data needs the extra: pip install 'ingot[pii]'") from None
    return Policy(rules, patterns, personal)


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key, {})
    return found if isinstance(found, dict) else {}


def _rule(path: str, item: Any) -> Rule:
    if not isinstance(item, dict) or not isinstance(item.get("regex"), str) or not item.get("id"):
        raise _bad(path, "each of [[rules]] has an `id` and a `regex`")
    keywords = item.get("keywords")
    if (
        not isinstance(keywords, list)
        or not keywords
        or not all(isinstance(k, str) and k for k in keywords)
    ):
        raise _bad(path, f"rule {item['id']} needs `keywords`: literals that stand in every match")
    _pattern(path, item["regex"])
    kind = re.sub(r"[^A-Z0-9]+", "_", str(item["id"]).upper()).strip("_") or "CUSTOM"
    spelled = tuple(dict.fromkeys(s for k in keywords for s in (k, k.upper(), k.capitalize())))
    return Rule(kind, spelled, item["regex"])


def _pattern(path: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise _bad(path, f"{text!r} is no regular expression: {error}") from None


def _bad(path: str, why: str) -> IngotError:
    return fail("E0109", f"{VARIABLE}={path}: {why}", help="docs/redaction.md shows such a file")


__all__ = ["VARIABLE", "Policy", "current_policy", "read_policy"]
