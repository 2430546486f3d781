"""Exchanges encrypted on their way through Redis, where there is a key: they hold what must be sent again,
cookies and tokens included. Knows no stream.

AES-256-GCM with a random nonce for each frame; the key is derived from the secret, which machines share
outside of Redis.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12
SHORTEST: Final = 32


class SealBroken(Exception):
    """It was sealed with another key, or is not what was sealed."""


class Seal:
    """``secret``: at least 32 bytes that the machines share."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(derived(secret, b"banyan stream"))

    def closed(self, frame: bytes) -> bytes:
        """The frame, so that only who has the secret reads it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, frame, None)

    def opened(self, sealed: bytes) -> bytes:
        """The frame again. Raises `SealBroken`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error


def derived(secret: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose."""
    return blake2b(purpose, key=secret[:64], digest_size=32).digest()


def open_seal(secret: bytes) -> Seal | None:
    """The seal for a secret; None without one."""
    return Seal(secret) if secret else None
