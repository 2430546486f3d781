"""A file that is replaced, or made, in one step: whoever reads it finds the old one or the new one, whole,
whenever the writer dies. It must not know what stands in it.

- `replace_whole`    what processes tell each other or themselves; one writer at a time
- `replace_private`  what nobody but its owner may read
- `make_private`     the same, where one that is there already stays: a key
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["aside", "make_private", "replace_private", "replace_whole", "write_to_disk"]


def aside(path: Path) -> Path:
    """Where a file is written before it takes the name `path`."""
    return path.with_name(path.name + ".new")


def write_to_disk(path: Path, data: bytes, *, mode: int = 0o660, durable: bool = True) -> None:
    """Write a file that nobody reads yet; returns when it is on the disk, if it is to be `durable`. `mode`:
    its rights when it is made, less the umask. Raises `OSError`.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(fd)


def replace_whole(path: Path, data: bytes, *, mode: int = 0o660, durable: bool = True) -> None:
    """Write aside, force to the disk if it is to be `durable`, rename. `mode` as in `write_to_disk`. Raises
    `OSError`; then the file before is untouched.
    """
    beside = aside(path)
    try:
        write_to_disk(beside, data, mode=mode, durable=durable)
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def replace_private(path: Path, data: bytes) -> None:
    """The same for a file that only its owner may read or write. Raises `OSError`."""
    with _private(path, data) as beside:
        beside.replace(path)


def make_private(path: Path, data: bytes) -> None:
    """Make a file that only its owner may read or write; one that has the name already stays as it is. Raises
    `OSError`.
    """
    with _private(path, data) as beside, suppress(FileExistsError):
        os.link(beside, path)


@contextmanager
def _private(path: Path, data: bytes) -> Iterator[Path]:
    """The new content under a name of this process alone, in a file that nobody had open before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)  # of a process with the same number that died over it
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield beside
    finally:
        beside.unlink(missing_ok=True)
