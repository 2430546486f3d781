"""What a source of dials said last, on the disk, for a start without it. It must not know what was said, nor
how it is judged.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from flags.errors import StateUnwritable
from flags.whole_file import replace_whole

__all__ = ["LastGood"]

Kept = TypeVar("Kept")


class _File(msgspec.Struct, frozen=True):
    of: str
    checksum: str
    kept: msgspec.Raw


class LastGood(Generic[Kept]):
    """A JSON file. `form`: what is kept; `of`: whom it is from, and of another it is not believed; `what`
    names it to people and begins a sentence.
    """

    def __init__(self, path: Path, form: type[Kept], *, of: str, what: str) -> None:
        self._path = path
        self._form = form
        self._of = of
        self._what = what

    def load(self) -> Kept | None:
        """None when there is none, or none to believe."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
            if found.of != self._of or found.checksum != _checksum(found.kept):
                return None
            return msgspec.json.decode(found.kept, type=self._form)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def save(self, kept: Kept) -> None:
        """Replace it in one step. Raises `StateUnwritable`; then the one before is untouched."""
        packed = msgspec.Raw(msgspec.json.encode(kept))
        try:
            replace_whole(self._path, msgspec.json.encode(_File(self._of, _checksum(packed), packed)))
        except OSError as error:
            problem = f"{self._what} {self._path} could not be written: {error.strerror}."
            raise StateUnwritable(problem) from error


def _checksum(packed: msgspec.Raw) -> str:
    return hashlib.sha256(packed).hexdigest()
