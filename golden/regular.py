"""Reads a file a person has named: a regular one, of a bounded size; it must not know what is in it.

A pipe, a socket or a device that lies where a file should would otherwise be waited for, for ever.
"""

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises `OSError`; its `strerror` says why."""
    # Without O_NONBLOCK the opening of a pipe waits for whoever writes into it.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if other := kind(found.st_mode):
            raise OSError(None, f"is {other}, no file", str(path))
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(most + 1) if found.st_size <= most else b""
    finally:
        os.close(handle)
    if max(len(data), found.st_size) > most:
        raise OSError(None, f"is larger than {most} bytes", str(path))
    return data


def kind(mode: int) -> str:
    """What is there instead of a file, in words; empty for a file."""
    return next((words for test, words in _KINDS if test(mode)), "")


def why(error: OSError) -> str:
    """The reason in a sentence about the file: "cannot be read (Permission denied)"."""
    said = error.strerror or str(error)
    return said if error.errno is None else f"cannot be read ({said})"
