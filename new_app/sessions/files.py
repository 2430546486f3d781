"""Sessions in files: one JSON file each, replaced atomically.

The files are small and lie in the page cache, so they are read and written on the event loop: a hop to a
thread costs more than the work itself.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from new_app.sessions.store import SessionData, StoreUnavailableError, decode, encode, is_session_id

_SAVES_PER_SWEEP = 500


class FileStore:
    """A folder of `<session id>.json`; the time of the last change is the time of the last use."""

    def __init__(self, folder: Path, lifetime: int, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._lifetime = lifetime
        self._clock = clock
        self._saves = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()

    async def load(self, session_id: str) -> SessionData | None:
        if not is_session_id(session_id):
            return None
        try:
            with self._path(session_id).open("rb") as file:
                if self._expired(os.fstat(file.fileno()).st_mtime):
                    return None
                return decode(file.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailableError(str(error)) from error

    async def save(self, session_id: str, data: SessionData) -> None:
        if not is_session_id(session_id):
            raise ValueError("not a session id")
        part = self._folder / f"{session_id}.{secrets.token_hex(4)}.part"
        now = self._clock()
        try:
            part.write_bytes(encode(data))
            os.utime(part, (now, now))
            part.replace(self._path(session_id))
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StoreUnavailableError(str(error)) from error
        self._saves += 1
        if self._saves % _SAVES_PER_SWEEP == 0:
            self.sweep()

    async def delete(self, session_id: str) -> None:
        if is_session_id(session_id):
            self._path(session_id).unlink(missing_ok=True)

    async def check(self) -> None:
        if not os.access(self._folder, os.R_OK | os.W_OK):
            raise StoreUnavailableError(f"{self._folder} cannot be read or written")

    async def count(self) -> int:
        return sum(
            1 for path, changed in self._entries() if path.suffix == ".json" and not self._expired(changed)
        )

    def sweep(self) -> None:
        """Remove what has expired, and parts that a killed process left behind."""
        for path, changed in self._entries():
            if self._expired(changed):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{session_id}.json"

    def _expired(self, changed: float) -> bool:
        return changed + self._lifetime <= self._clock()

    def _entries(self) -> Iterator[tuple[Path, float]]:
        for path in self._folder.glob("*.*"):
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                yield path, path.stat().st_mtime
