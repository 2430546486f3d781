"""What `make test` does about a test that failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.spawn import ROOT
from tests.support.twice import MOST, RARE, reason_against

LATE = """
from pathlib import Path
def test_that_is_late_once():
    been = Path(__file__).with_suffix(".been")
    first = not been.exists()
    been.touch()
    assert not first, "the machine was busy"
"""
WRONG = "def test_that_is_wrong():\n    assert False, 'it is wrong'\n"
RIGHT = "def test_that_is_right():\n    pass\n"


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ({"test_a.py": RIGHT}, 0, ["1 passed"]),
        (
            {"test_a.py": RIGHT, "test_b.py": LATE},
            0,
            ["the machine was busy", "once more", "1 failed, 1 passed"],
        ),
        ({"test_a.py": WRONG, "test_b.py": LATE}, 1, ["once more, alone", "1 failed, 1 passed"]),
        ({RARE[0]: LATE}, 1, ["no second run", "happens rarely"]),
        ({"test_a.py": "import nothing_that_is_there\n"}, 2, ["1 error"]),
        ({"empty.py": ""}, 5, ["no tests ran"]),
    ],
)
def test_what_fails_twice_has_failed(
    tmp_path: Path, files: dict[str, str], status: int, said: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env = {**outer, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.support.twice", "--rootdir", "."]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    for words in said:
        assert words in done.stdout


def test_many_failures_are_no_chance() -> None:
    assert not reason_against([f"tests/e2e/test_a.py::test_{number}" for number in range(MOST)])
    assert reason_against([f"tests/e2e/test_a.py::test_{number}" for number in range(MOST + 1)])
