"""The notes that a running gateway leaves: in its state folder for tools that look for it, in its runtime
folder for its own processes. Knows no process or socket.

- `runtime`              JSON: process, runtime folder, addresses; `runtime_note` reads it
- `config.json`          JSON, in the runtime folder: the configuration in force, checked
- `state.page.offsets`   text: where a shell finds the latches in the page file, one name and offset a line
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from flags import StatePage, StateUnwritable, replace_whole
from gateway.config import Config
from gateway.runtime_note import RUNTIME_FILE, Runtime

__all__ = [
    "CONFIG_FILE",
    "OFFSETS_FILE",
    "leave_config",
    "read_config",
    "write_offsets",
    "write_runtime",
]

CONFIG_FILE: Final = "config.json"
OFFSETS_FILE: Final = "state.page.offsets"


def write_runtime(folder: Path, runtime: Runtime) -> None:
    """Leave the note. Raises `StateUnwritable`."""
    write_whole(folder / RUNTIME_FILE, runtime.encoded())


def leave_config(runtime: Path, config: Config, name: str = CONFIG_FILE) -> Path:
    """Leave the configuration for the children; where. Raises `StateUnwritable`."""
    path = runtime / name
    write_whole(path, msgspec.json.encode(config))
    return path


def read_config(runtime: Path) -> Config:
    """The configuration as it was left for the children."""
    return msgspec.json.decode((runtime / CONFIG_FILE).read_bytes(), type=Config)


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
    try:
        replace_whole(path, data, mode=0o666, durable=False)
    except OSError as error:
        raise StateUnwritable(f"The file {path} could not be written: {error.strerror}.") from error
