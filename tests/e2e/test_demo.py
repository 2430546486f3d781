"""The demo itself: one command, exit 0, and a table in which every step was seen."""

import subprocess
import sys

from tests.support.spawn import ROOT


def test_demo_sees_the_whole_migration() -> None:
    """As ``make demo`` runs it, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    for step in ("Record goldens", "Shadow at 0 %", "Dial to 100 %", "regression", "Roll back", "Report"):
        assert step in done.stdout
    said = " ".join(done.stdout.split())  # lines are folded where a word ends
    for words in ("none failed", "taken back by itself", "by banyan (guard), guard mismatch_rate"):
        assert words in said
