"""The notes that a running gateway leaves in its state folder, for tools that look for it. Knows no
process or socket.

- `runtime`              JSON: process, runtime folder, addresses; how the command line finds the gateway
- `state.page.offsets`   text: where a shell finds the latches in the page file, one name and offset a line
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from flags import StatePage, StateUnwritable

__all__ = [
    "OFFSETS_FILE",
    "RUNTIME_FILE",
    "Runtime",
    "read_runtime",
    "write_offsets",
    "write_runtime",
    "write_whole",
]

RUNTIME_FILE: Final = "runtime"
OFFSETS_FILE: Final = "state.page.offsets"


class Runtime(msgspec.Struct, frozen=True):
    """One running gateway: its supervisor's process, addresses as URLs, `started_at` in UTC, the
    configuration file.
    """

    pid: int
    runtime: str
    admin: str
    traffic: str
    started_at: str
    config: str


def write_runtime(folder: Path, runtime: Runtime) -> None:
    """Leave the note. Raises `StateUnwritable`."""
    write_whole(folder / RUNTIME_FILE, msgspec.json.format(msgspec.json.encode(runtime)) + b"\n")


def read_runtime(folder: Path) -> Runtime | None:
    """The note of the gateway that runs on this folder; None when there is none, or its process is gone."""
    try:
        found = msgspec.json.decode((folder / RUNTIME_FILE).read_bytes(), type=Runtime)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if Path(f"/proc/{found.pid}").exists() else None


def write_offsets(page: StatePage, folder: Path) -> None:
    """Write down where in the page file a tool without Python finds the latches: `everything 80`, one a
    line.
    """
    lines = "".join(f"{name} {offset}\n" for name, offset in page.offsets().items()).encode()
    with suppress(OSError):
        if (folder / OFFSETS_FILE).read_bytes() == lines:
            return
    write_whole(folder / OFFSETS_FILE, lines)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step. Raises `StateUnwritable` when it cannot be written."""
    aside = path.with_name(path.name + ".new")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise StateUnwritable(f"The file {path} could not be written: {error.strerror}.") from error
