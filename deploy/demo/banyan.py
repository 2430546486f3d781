"""The command line, called as a person or a script would: a process of its own, its exit code, its JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from deploy.demo.servers import ROOT


class Called(NamedTuple):
    """``code``: the exit code. ``data``: what ``--json`` printed, or None."""

    code: int
    data: Any
    text: str


def banyan(config: Path, *arguments: str) -> Called:
    """Run one command with ``--json``. Never raises for what the command says."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "-c", str(config), "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    try:
        data = json.loads(done.stdout)
    except ValueError:
        data = None
    return Called(done.returncode, data, (done.stdout + done.stderr).strip())
