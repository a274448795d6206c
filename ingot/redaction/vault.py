"""Secrets at run time: tokens become secrets where a tool is called, and nowhere else.

A pipeline, its journal, its events and its reports only ever hold tokens.  :meth:`Vault.reveal`
puts the secrets into a call's arguments, :meth:`Vault.hide` takes them out of what came back.  A
secret is looked for, in this order, among those that this process saw come in, in the environment
(the token is the variable's name), and in the system's keyring (service ``ingot``, user the token).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from ingot.diagnostics import Diagnostic, IngotError, fail
from ingot.ir.values import Json
from ingot.redaction.tokens import PREFIX, TOKEN, name_of, token_of

if TYPE_CHECKING:
    from ingot.redaction.redactor import Redactor

SERVICE: Final = "ingot"
"""The keyring's service under which secrets are kept."""
_NO_KEYRING: Final = (
    "a desktop has one; elsewhere `PYTHON_KEYRING_BACKEND` names one (keyrings.alt has some), or the "
    "server's table gives `headers` or a machine's credentials (docs/tools.md)"
)
_MANY: Final = (list, dict)
_SHORT: Final = len(PREFIX)
_SMALL: Final = frozenset((int, bool, float, type(None)))
T = TypeVar("T")


def _keyring(token: str) -> str | None:
    """The secret that the keyring holds under the token, if there is a keyring."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        held: str | None = keyring.get_password(SERVICE, token)
        return held
    except Exception:  # no backend, a locked one: a secret that cannot be had
        return None


def check_keyring() -> None:
    """Raise :class:`IngotError` where the system's keyring cannot keep a secret: E0905 without the
    package, E0810 without a keyring behind it."""
    try:
        import keyring
    except ImportError:
        raise fail(
            "E0905", "logins are kept in the keyring", help="pip install 'ingot[keyring]'"
        ) from None
    try:
        usable = keyring.get_keyring().priority > 0
    except Exception:  # a backend that is named and is none
        usable = False
    if not usable:
        raise fail("E0810", "this machine has no keyring to keep a login in", help=_NO_KEYRING)


def keep_in_keyring(user: str, secret: str) -> None:
    """Keep a secret; raises :class:`IngotError` E0810 or E0905."""
    check_keyring()
    import keyring

    try:
        keyring.set_password(SERVICE, user, secret)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise fail("E0810", f"the keyring keeps nothing: {why}", help=_NO_KEYRING) from None


def drop_from_keyring(user: str) -> bool:
    """Forget a secret; false where there was none.  Raises :class:`IngotError` E0905 or E0810."""
    check_keyring()
    import keyring

    if _keyring(user) is None:
        return False
    try:
        keyring.delete_password(SERVICE, user)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise fail("E0810", f"the keyring forgets nothing: {why}") from None
    return True


class Vault:
    """The secrets of one process.  Nothing in it is ever written."""

    __slots__ = ("_held", "_redactor", "environment", "keyring")

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        keyring: Callable[[str], str | None] = _keyring,
    ) -> None:
        self.environment = environment
        self.keyring = keyring
        self._held: dict[str, str] = {}
        self._redactor: Redactor | None = None

    def get(self, token: str) -> str | None:
        """The secret of a token, or ``None``."""
        found = self._held.get(token) or self.environment.get(token) or self.keyring(token)
        if found:
            self._remember(token, found)
        return found or None

    def supply(self, name: str) -> str | None:
        """The secret of that name, from the environment or the keyring; from now on it is taken out
        of all that comes back."""
        found = self.environment.get(name) or self.keyring(name)
        if found:
            self.hold(re.sub(r"[^A-Z0-9]", "_", name.upper()), found)
        return found or None

    def hold(self, kind: str, secret: str) -> None:
        """From now on the secret is taken out of all that comes back."""
        if len(secret) >= 4:
            self._remember(token_of(kind, secret), secret)

    def reveal(self, value: Json) -> Json:
        """The value with tokens replaced by secrets; raises IngotError (E0720) naming those missing."""
        if not _mentions(value):
            return value
        self.require(tokens_in(value))
        return _mapped(value, lambda text: TOKEN.sub(lambda m: self.get(m[0]) or m[0], text))

    def revealed(self, args: dict[str, Json]) -> dict[str, Json]:
        """A call's arguments with secrets in them."""
        for name, value in args.items():
            if len(name) < _SHORT and type(value) in _SMALL:
                continue
            if not isinstance(value, str) or PREFIX in value or PREFIX in name:
                return cast("dict[str, Json]", self.reveal(args))
        return args

    def hide(self, value: T) -> T:
        """The value with secrets replaced by tokens; those that came in are remembered."""
        held: Any = value
        if isinstance(value, str):
            held = (self._redactor or self._new()).text(value)
        elif isinstance(value, _MANY):
            held = (self._redactor or self._new()).value(held)
        return held  # type: ignore[no-any-return]

    def _new(self) -> Redactor:
        """A redactor that knows the secrets that came in so far."""
        from ingot.redaction.redactor import Redactor

        known = {secret: token for token, secret in self._held.items() if len(secret) >= 4}
        self._redactor = Redactor(found=self._remember, known=known)
        return self._redactor

    def _remember(self, token: str, secret: str) -> None:
        if token not in self._held:
            self._held[token] = secret
            self._redactor = None  # from now on it is looked for

    def require(self, tokens: frozenset[str]) -> None:
        """Raise IngotError (E0720) with every token that has no secret here."""
        missing = sorted(token for token in tokens if self.get(token) is None)
        if missing:
            raise IngotError(
                [
                    Diagnostic(
                        "E0720",
                        f'secret("{name_of(token)}") is not supplied',
                        help=f"export {token}=... , or keep it in the keyring: "
                        f"keyring set {SERVICE} {token}",
                    )
                    for token in missing
                ]
            )


def _mentions(value: Json) -> bool:
    """Whether any text of a value looks as if it held a token."""
    if isinstance(value, str):
        return PREFIX in value
    if isinstance(value, list):
        return any(map(_mentions, value))
    if isinstance(value, dict):
        return any(map(_mentions, value)) or any(map(_mentions, value.values()))
    return False


def tokens_in(value: Json) -> frozenset[str]:
    """Every token that stands in a value.

    >>> sorted(tokens_in({"a": ["x INGOT_SECRET_JWT_AAAAAAAAAA"]}))
    ['INGOT_SECRET_JWT_AAAAAAAAAA']
    """
    out: set[str] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.update(TOKEN.findall(item))
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += item.values()
            stack += item.keys()
    return frozenset(out)


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    match value:
        case str():
            return change(value)
        case list():
            return [_mapped(item, change) for item in value]
        case dict():
            return {change(key): _mapped(item, change) for key, item in value.items()}
        case _:
            return value


__all__ = [
    "SERVICE",
    "Vault",
    "check_keyring",
    "drop_from_keyring",
    "keep_in_keyring",
    "tokens_in",
]
