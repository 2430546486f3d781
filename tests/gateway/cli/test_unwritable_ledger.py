"""A ledger that cannot be written, from the outside: going forward waits, going back does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gateway.running import Running
from tests.support.ports import wait_until


@contextmanager
def unwritable(gateway: Running) -> Iterator[None]:
    """Also for root, whom no rights keep from writing: a folder stands where the ledger was."""
    path, aside = gateway.state / "ledger.jsonl", gateway.state / "aside"
    path.rename(aside)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        aside.rename(path)


def test_a_dial_is_refused_a_rollback_is_done_and_recorded_as_soon_as_it_can_be(gateway: Running) -> None:
    assert gateway.cli("dial", "orders", "30", "--reason", "before").returncode == 0
    with unwritable(gateway):
        refused = gateway.cli("dial", "orders", "40", "--reason", "forward")
        assert (refused.returncode, "was not moved" in refused.stderr) == (1, True)
        assert gateway.cli("force", "new", "--reason", "forward").returncode == 1
        assert gateway.cli("token", "create", "eve", "--reason", "forward").returncode == 1
        done = gateway.cli("--json", "rollback", "orders", "--reason", "on fire", "--by", "ann")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["latched"], said["complete"], said["recorded"]) == (True, True, False)
        assert "ledger" in said["problem"]
        refused = gateway.cli("restore", "orders", "--reason", "forward")
        assert (refused.returncode, "Nothing was restored" in refused.stderr) == (1, True)
        status = {one["name"]: one for one in gateway.asked("status")["features"]}["orders"]
        assert (status["percent"], status["latched"], status["side"]) == (30, True, "legacy")

    def recorded() -> bool:
        return any(one["reason"] == "on fire" for one in gateway.asked("ledger"))

    wait_until(recorded, 60, "the entry of the rollback")
    entry = next(one for one in gateway.asked("ledger") if one["reason"] == "on fire")
    assert (entry["actor"], entry["action"], entry["feature"]) == ("ann", "rollback", "orders")
    assert (entry["old"], entry["new"]) == ("serving", "latched")
    assert entry["revision"] > 0
    assert sum(one["reason"] == "on fire" for one in gateway.asked("ledger")) == 1
    assert not [one for one in gateway.asked("ledger") if one["reason"] == "forward"]
    assert gateway.asked("token", "list") == []
    assert gateway.cli("ledger", "verify").stdout == "The ledger is intact.\n"
