"""A sticky key that its user carries on: sealed and hidden, so that only this gateway can read it, and nobody
can make one. Pure; it must not know requests.

When an application gives a user another session cookie, the old value is what the user's position was
computed from, and it may still be a secret. So it goes out encrypted, deterministically and with
authentication, as a synthetic IV construction has it (Rogaway and Shrimpton 2006, RFC 5297): the tag over the
text, under one key, is also what the key stream, under another, begins with. Both are keyed BLAKE2b (RFC
7693), a pseudorandom function. The same key always gives the same text, so every worker, and every machine
with the same secret, agrees.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b
from typing import Final

__all__ = ["CarriedKeys"]

_MARK: Final = b"~"
_TAG: Final = 16
_LONGEST: Final = 256


class CarriedKeys:
    """`secret`: bytes that all workers share and nobody else has."""

    __slots__ = ("_hiding", "_sealing")

    def __init__(self, secret: bytes) -> None:
        self._sealing = blake2b(secret, person=b"banyan seals", digest_size=32).digest()
        self._hiding = blake2b(secret, person=b"banyan hides", digest_size=32).digest()

    def close(self, key: str) -> bytes | None:
        """What goes into the cookie; None for a key that is too long for one."""
        plain = key.encode("latin-1")
        if len(plain) > _LONGEST:
            return None
        tag = self._tag(plain)
        return _text(tag, self._hidden(tag, plain))

    def open(self, text: bytes) -> str | None:
        """The key in a cookie that `close` has made; None for anything else."""
        if not text.startswith(_MARK) or len(text) > 2 * (_LONGEST + _TAG):
            return None
        try:
            data = urlsafe_b64decode(text[1:] + b"=" * (-(len(text) - 1) % 4))
        except (Error, ValueError):
            return None
        tag, hidden = data[:_TAG], data[_TAG:]
        plain = self._hidden(tag, hidden)
        if not plain or not hmac.compare_digest(tag, self._tag(plain)) or _text(tag, hidden) != text:
            return None
        return plain.decode("latin-1")

    def _tag(self, plain: bytes) -> bytes:
        return blake2b(plain, key=self._sealing, digest_size=_TAG).digest()

    def _hidden(self, tag: bytes, text: bytes) -> bytes:
        """Hides, and shows again."""
        blocks = range(-(-len(text) // 64))
        stream = b"".join(blake2b(tag + n.to_bytes(4, "big"), key=self._hiding).digest() for n in blocks)
        return bytes(a ^ b for a, b in zip(text, stream, strict=False))


def _text(tag: bytes, hidden: bytes) -> bytes:
    return _MARK + urlsafe_b64encode(tag + hidden).rstrip(b"=")
