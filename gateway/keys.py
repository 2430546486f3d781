"""The keys of this machine by name: who makes and who reads them agree here. Knows no use of them."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from flags import SecretFile, make_private

__all__ = [
    "FORCE_KEY",
    "REDACTION_KEY",
    "REDACTION_KEY_BYTES",
    "STICKY_KEY",
    "force_key",
    "redaction_key",
    "sticky_key",
]

_LOG = logging.getLogger("banyan.shadow")

FORCE_KEY: Final = "force-key"
REDACTION_KEY: Final = "redaction-key"
REDACTION_KEY_BYTES: Final = 32
STICKY_KEY: Final = "sticky-key"


def force_key(folder: Path | str) -> SecretFile:
    """What seals the word of a trusted tester (`Banyan-Force`)."""
    return SecretFile(Path(folder) / FORCE_KEY, "BANYAN_FORCE_KEY")


def sticky_key(folder: Path | str) -> SecretFile:
    """What hides the sticky keys that users carry on. Machines that share their users share it."""
    return SecretFile(Path(folder) / STICKY_KEY, "BANYAN_STICKY_KEY")


def redaction_key(folder: Path | str) -> bytes:
    """What redaction makes its tokens with: made once, readable by its owner only. One that is too
    short is no secret, and is made anew.
    """
    path = Path(folder) / REDACTION_KEY
    with suppress(FileNotFoundError):
        if len(path.read_bytes()) < REDACTION_KEY_BYTES:
            _LOG.error(
                "%s is too short to be a key and is made anew: earlier tokens will not be met again", path
            )
            path.unlink(missing_ok=True)
    if not path.exists():
        make_private(path, os.urandom(REDACTION_KEY_BYTES))
    return path.read_bytes()
