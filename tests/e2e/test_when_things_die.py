"""Under a constant load of 200 requests/s with the new side at 50 %: what may die, and what that costs."""

import time

from deploy.demo.banyan import banyan
from tests.e2e.load import ConstantLoad
from tests.e2e.migration import Migration, eventually


def test_death_of_the_new_application_costs_no_safe_request(fresh_migration: Migration) -> None:
    """Legacy answers for it; the breaker keeps later requests away from it."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: load.count("new") > 50)
        fresh_migration.kill_application("new")
        killed = time.monotonic()
        time.sleep(3)
    assert load.count("legacy", since=killed) > 50
    assert load.failures() == []


def test_rollback_ends_every_new_side_request_and_no_client_sees_an_error(fresh_migration: Migration) -> None:
    """From the moment the command has ended, no request goes to the new side; and it says how long it
    took."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: load.count("new") > 50)
        done = fresh_migration.rollback()
        over = time.monotonic()
        time.sleep(2)
    assert done["workers"] == 2
    assert 0 <= done["seconds"] < 1
    assert load.count("new", since=over) == 0
    assert load.count("legacy", since=over) > 50
    assert load.failures() == []


def test_death_of_the_control_process_changes_nothing_and_rollback_still_works(
    fresh_migration: Migration,
) -> None:
    """The command writes the state page itself when nobody answers on the admin port."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: load.count("new") > 50)
        for _ in range(40):  # whatever takes its place is killed as well, until the rollback is done
            for pid in fresh_migration.child_pids("gateway.control_process"):
                fresh_migration.kill(pid)
            time.sleep(0.02)
        killed = time.monotonic()
        assert eventually(lambda: load.count("new", since=killed) > 20)
        done = banyan(fresh_migration.config, "rollback", "--reason", "the control process is gone")
        over = time.monotonic()
        time.sleep(1)
    assert done.code == 0, done.text
    assert done.data["complete"]
    assert load.count("new", since=over) == 0
    assert load.count("legacy", since=over) > 30
    assert load.failures() == []


def test_death_of_a_worker_costs_only_what_it_had_in_flight(fresh_migration: Migration) -> None:
    """The listening socket belongs to the supervisor: the other worker goes on, and a new one takes the
    place."""
    fresh_migration.dial(50)
    before = set(fresh_migration.worker_pids())
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: len(load.answered) > 100)
        victim = sorted(before)[0]
        fresh_migration.kill(victim)
        killed = time.monotonic()
        assert eventually(lambda: len(set(fresh_migration.worker_pids()) - {victim}) == len(before))
        after = fresh_migration.worker_pids()
        time.sleep(1)
    assert victim not in after
    assert len(after) == 2
    for lost in load.failures():
        assert lost.sent <= killed + 0.25, f"sent {lost.sent - killed:.2f} s after the kill: {lost.error}"
    assert len(load.failures()) <= 64  # one request on each of the client's connections at most


def test_death_of_the_shadow_process_costs_nothing(fresh_migration: Migration) -> None:
    """Nobody waits for it; a new one takes its place and goes on comparing."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: len(load.answered) > 100)
        for pid in fresh_migration.child_pids("gateway.shadow_process"):
            fresh_migration.kill(pid)
        time.sleep(2)
    assert load.failures() == []
    compared = fresh_migration.banyan("report", fresh_migration.feature).data["shadow"]["compared"]

    def goes_on() -> bool:
        with ConstantLoad(fresh_migration.url) as more:
            time.sleep(1)
        assert more.failures() == []
        now = fresh_migration.banyan("report", fresh_migration.feature).data["shadow"]["compared"]
        return bool(now > compared)

    assert eventually(goes_on)
