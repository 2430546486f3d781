"""What was believed last, on the disk, as JSON: for a start without the server. It must not know how it is
judged.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from flags.errors import StateUnwritable

__all__ = ["Kept", "LastGood"]


class Kept(NamedTuple):
    """`body` as the server sent it; `confirmed_at`: seconds since 1970."""

    body: bytes
    confirmed_at: float


class _File(msgspec.Struct, frozen=True):
    url: str
    confirmed_at: float
    checksum: str
    body: msgspec.Raw


class LastGood:
    """The file `unleash.json` of a state folder; of another server than `url` it is not believed."""

    def __init__(self, dir: Path | str, url: str) -> None:
        self.path = Path(dir) / "unleash.json"
        self._url = url

    def load(self) -> Kept | None:
        """None when there is none, or none to believe."""
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=_File)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        body = bytes(found.body)
        if found.url != self._url or found.checksum != hashlib.sha256(body).hexdigest():
            return None
        return Kept(body, found.confirmed_at)

    def save(self, kept: Kept) -> None:
        """Replace it in one step. Raises `StateUnwritable`; then the one before is untouched."""
        checksum = hashlib.sha256(kept.body).hexdigest()
        data = msgspec.json.encode(_File(self._url, kept.confirmed_at, checksum, msgspec.Raw(kept.body)))
        beside = self.path.with_name(self.path.name + ".new")
        try:
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            beside.replace(self.path)
        except OSError as error:
            raise StateUnwritable(
                f"The copy of the flags {self.path} could not be written: {error.strerror}."
            ) from error
