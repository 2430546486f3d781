"""Memory and open files of the gateway's processes, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH = 0.1
"""How much the memory of a worker may grow and still be flat, as a share of what it was when warm."""
SLACK = 6 * 1024 * 1024
"""Bytes that it may grow in any case: what an allocator does not give back."""


def processes(supervisor: int) -> dict[int, str]:
    """The supervisor's children by pid, and what they are."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    found: dict[int, str] = {}
    for pid in map(int, children):
        with suppress(OSError, ValueError):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            found[pid] = words[words.index("-m") + 1].removeprefix("gateway.")
    return found


def resident(pid: int) -> int:
    """Bytes that a process occupies; 0 when it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def files(pid: int) -> list[str]:
    """What it has open, less its channels to the other processes, which come and go with them."""
    tables = (Path(f"/proc/net/{name}").read_text().splitlines() for name in ("tcp", "tcp6"))
    connections = {f"socket:[{line.split()[9]}]" for table in tables for line in table[1:]}
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(entry.readlink()))
    return [name for name in found if not name.startswith("socket:") or name in connections]


def grown(before: dict[int, int], after: dict[int, int]) -> list[str]:
    """The processes whose memory was not flat, one line each."""
    return [
        f"process {pid} grew from {before[pid] >> 20} to {now >> 20} MiB"
        for pid, now in after.items()
        if pid in before and now > before[pid] * (1 + GROWTH) + SLACK
    ]
