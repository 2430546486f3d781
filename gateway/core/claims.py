"""What a bearer token says of its owner: the claims of a JSON Web Token (RFC 7519), read and not verified.
Pure.

Nothing is granted by them here: whoever makes one up chooses a side for themselves and no more. Whether the
token is good is the application's business.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error
from typing import Any, Final

import msgspec

from gateway.core.memory import Memory
from gateway.core.message import Fields

__all__ = ["claim"]

_LONGEST: Final = 8192
_known: Memory[bytes, dict[str, Any]] = Memory(256)


def claim(fields: Fields, name: str) -> str:
    """A claim of the bearer token in these fields that is text, a number or a truth value; "" where there is
    none.
    """
    for field, value in fields:
        if field.lower() == b"authorization":
            found = _claims(value).get(name)
            return str(found) if isinstance(found, str | int) else ""
    return ""


def _claims(value: bytes) -> dict[str, Any]:
    found = _known.get(value)
    if found is None:
        found = _read(value)
        _known.put(value, found)
    return found


def _read(value: bytes) -> dict[str, Any]:
    scheme, _, token = value.partition(b" ")
    parts = token.strip().split(b".")
    if scheme.lower() != b"bearer" or len(parts) != 3 or len(token) > _LONGEST:
        return {}
    try:
        return msgspec.json.decode(
            urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)), type=dict[str, Any]
        )
    except (Error, ValueError, msgspec.MsgspecError, RecursionError):
        return {}
