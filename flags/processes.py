"""Whether a process is still the one it was. It must not know what the process does.

A number alone is not enough: it is given out again, and a dead child keeps its number until its parent asks
for it.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_alive", "start_mark"]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the command's name: state, parent, …; None without one (or without
    /proc).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def start_mark(pid: int) -> int:
    """When the process started, in clock ticks, cut to 32 bits; 0 when unknown."""
    fields = _stat(pid)
    return int(fields[19]) & 0xFFFFFFFF if fields else 0


def is_alive(pid: int, mark: int = 0) -> bool:
    """Whether `pid` runs, is no corpse waiting for its parent, and (where known) started at `mark`."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, but it exists
    fields = _stat(pid)
    if fields is None:
        return True
    return fields[0] not in "ZX" and (not mark or int(fields[19]) & 0xFFFFFFFF == mark)
