"""Reloads and replacements under a constant load of 200 requests/s: nobody notices."""

import signal
import time

from tests.e2e.load import ConstantLoad
from tests.e2e.migration import Migration, eventually

RELOADS = 10


def reloaded(migration: Migration, times: int) -> bool:
    """Whether the configuration was taken over this often."""
    return migration.log_of("gateway").count("configuration taken over") >= times


def test_ten_reloads_lose_nothing(fresh_migration: Migration) -> None:
    """No request is refused, reset or cut off, and in the end only the last workers are left."""
    fresh_migration.dial(50)
    first = set(fresh_migration.worker_pids())
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: load.count("new") > 50)
        for number in range(RELOADS):
            fresh_migration.process("gateway").send_signal(signal.SIGHUP)
            assert eventually(lambda done=number + 1: reloaded(fresh_migration, done))  # type: ignore[misc] # of a default that is bound here
        over = time.monotonic()
        assert eventually(lambda: sum(each.sent > over for each in list(load.answered)) > 200)
    assert load.failures() == []
    assert len(load.answered) > 500
    assert eventually(lambda: not first & set(fresh_migration.worker_pids()))
    assert eventually(lambda: len(fresh_migration.child_pids("gateway.worker")) == 2)


def test_a_worker_that_is_killed_is_replaced_at_once(fresh_migration: Migration) -> None:
    """Within two seconds on a machine with time for it, under load, and on a busy one long before anybody
    would have come to look; the other one goes on meanwhile.
    """
    before = set(fresh_migration.worker_pids())
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: len(load.answered) > 100)
        victim = min(before)
        fresh_migration.kill(victim)
        assert eventually(lambda: victim not in fresh_migration.child_pids("gateway.worker"))
        killed = time.monotonic()
        assert eventually(lambda: len(set(fresh_migration.worker_pids()) - before) == 1, timeout=20)
        replaced = time.monotonic()
        assert eventually(lambda: sum(each.sent > replaced for each in list(load.answered)) > 100)
    assert [lost for lost in load.failures() if lost.sent > killed + 0.25] == []
