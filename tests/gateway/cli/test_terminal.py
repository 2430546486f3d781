"""What a terminal shows, in one that is really there: whatever its width, nothing is left out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tests.gateway.running import Running, clean
from tests.support.spawn import ROOT, Spawner

WHY = ("--reason", "a test")
LONG = '[[feature]]\nname = "checkout-of-all-customers"\nmatch = ["/checkout"]\n'


@pytest.fixture(scope="module")
def gateway(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """One feature is rolled back."""
    running = Running(spawn_for_module, tmp_path_factory.mktemp("gateway"), workers=1, more=LONG)
    assert running.cli("dial", "reports", "30", *WHY).returncode == 0
    assert running.cli("rollback", "checkout-of-all-customers", *WHY).returncode == 0
    return running


def shown(gateway: Running, columns: int, *words: str) -> str:
    """What a command prints on a terminal so wide, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {
        name: value for name, value in clean({"TERM": "xterm"}).items() if name not in ("COLUMNS", "LINES")
    }
    command = [sys.executable, "-m", "gateway", "-c", str(gateway.config), *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=ROOT) as running:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the end, when nobody has the other side any more
            while piece := os.read(ours, 1 << 16):
                said += piece
        os.close(ours)
    assert running.returncode == 0, said
    return re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", ["status", "ledger"])
def test_a_narrow_terminal_shows_all_of_it(gateway: Running, command: str, columns: int) -> None:
    """Cells go on in the next line; a name is never broken, and nothing ends with dots."""
    text = shown(gateway, columns, command)
    assert not re.search(r"\w…", text), text
    if command == "status":
        starts = [line.split()[0] for line in text.splitlines() if line[:1].isalpha()]
        assert {"orders", "reports", "checkout-of-all-customers"} <= set(starts), text


def test_a_very_narrow_one_ends_in_no_failure(gateway: Running) -> None:
    assert "Traceback" not in shown(gateway, 8, "status")
