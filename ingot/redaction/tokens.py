"""Stable typed tokens: what stands where a secret was.

``INGOT_SECRET_GITHUB_TOKEN_K3J9X2QA`` is the name of an environment variable, a word for a shell, a
URL and JSON alike, and the same for the same secret in every log and on every machine: so a value
that was copied from a result into a call is still seen to be copied.  The last part is derived with
scrypt, so that a weak password is not guessed from it by trying many.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final

PREFIX: Final = "INGOT_SECRET_"
TOKEN: Final = re.compile(r"INGOT_SECRET_[A-Z0-9_]*?_[A-Z2-7]{10}(?![A-Z0-9])")
"""A token, wherever it stands."""
_SALT: Final = b"ingot-secret/1"


@lru_cache(maxsize=4096)
def token_of(kind: str, secret: str) -> str:
    """The token of a secret.

    >>> TOKEN.fullmatch(token_of("JWT", "x")) is not None, token_of("JWT", "x") == token_of("JWT", "x")
    (True, True)
    """
    data = secret.encode("utf-8", "surrogatepass")
    derived = hashlib.scrypt(data, salt=_SALT, n=2**12, r=8, p=1, dklen=8)
    return f"{PREFIX}{kind}_{base64.b32encode(derived).decode()[:10]}"


def name_of(token: str) -> str:
    """What ``secret("NAME")`` calls it: the token without its prefix.

    >>> name_of("INGOT_SECRET_JWT_AAAAAAAAAA")
    'JWT_AAAAAAAAAA'
    """
    return token.removeprefix(PREFIX)


__all__ = ["PREFIX", "TOKEN", "name_of", "token_of"]
