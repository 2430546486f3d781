"""The file of the result store belongs to its owner only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow import ResultStore, Verdict


@pytest.mark.parametrize("before", [None, 0o644])
def test_nobody_else_reads_it(tmp_path: Path, before: int | None) -> None:
    """With its side files, whatever the umask says, also when an older one was open to all."""
    path = tmp_path / "shadow.sqlite"
    if before is not None:
        path.touch(before)
        path.chmod(before)
    mask = os.umask(0)
    try:
        store = ResultStore(path)
        assert store.count("orders", Verdict.MATCH, at=60.0)
        modes = {each.name: oct(each.stat().st_mode & 0o777) for each in tmp_path.iterdir()}
    finally:
        os.umask(mask)
    store.close()
    assert modes == dict.fromkeys(["shadow.sqlite", "shadow.sqlite-wal", "shadow.sqlite-shm"], "0o600")
