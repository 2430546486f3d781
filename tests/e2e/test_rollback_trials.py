"""The trials of a rollback in trouble, once: with everything hanging, and with everything dead or full,
users and an open tunnel come back and nobody loses a request. How long it takes is measured by `bench`, not
here."""

from __future__ import annotations

import re
import sys

from tests.support.spawn import Spawner


def test_with_everything_broken_at_once_users_and_tunnels_come_back(spawn: Spawner) -> None:
    """By command and by script; each row of the table says how many requests were lost."""
    words = ["-m", "bench.rollback", "--trials", "2", "--shared", "1", "--each", "1"]
    words += ["--only", "all four hang", "--only", "all four dead or full"]
    done = spawn([sys.executable, *words], name="trials")
    done.wait(900)
    rows = re.findall(r"^\| all four .* \| (\S+) \|$", done.output(), re.M)
    tried = [row for row in rows if row.isdigit()]
    assert len(tried) >= 2, done.output()
    assert set(tried) == {"0"}, done.output()
    assert done.output().count("Requests lost: 0.") == 2, done.output()
    assert "Traceback" not in done.output()
