"""``python -m tests.support.twice``: pytest, and once more, alone, what failed.

Most tests start programs and share the processors with them and with other tests; a machine that is busy for
seconds makes one of them late now and then. Both runs are printed whole, and what fails twice has failed. The
second tells nothing of a test that looks for what happens rarely, so those get none; nor does anybody when
many fail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

RARE = ("tests/e2e/test_any_order.py", "tests/operations/test_soak.py", "tests/operations/test_endurance.py")
MOST = 5
"""Tests that fail by chance in one run; more are no chance."""
_LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def main(words: Sequence[str]) -> int:
    """Exit status of pytest's last run. ``words`` are for the first; its cache says what failed."""
    first = run("--cache-clear", *words)
    if first != pytest.ExitCode.TESTS_FAILED:
        return first
    failed = sorted(json.loads(_LAST_FAILED.read_text()))
    if no := reason_against(failed):
        print(f"\nno second run: {no}", flush=True)
        return first
    print("\nonce more, alone:", *failed, sep="\n  ", flush=True)
    return run("--last-failed")


def reason_against(failed: Sequence[str]) -> str:
    """Why these tests get no second run; empty: they do."""
    if len(failed) > MOST:
        return f"{len(failed)} tests failed, and chance fails {MOST} at most"
    rare = [one for one in failed if one.startswith(RARE)]
    return f"{rare[0]} looks for what happens rarely" if rare else ""


def run(*words: str) -> int:
    """One run of pytest → its exit status."""
    return subprocess.run([sys.executable, "-m", "pytest", *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
