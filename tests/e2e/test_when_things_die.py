"""Under a constant load of 200 requests/s with the new side at 50 %: what may die, and what that costs."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.banyan import banyan
from tests.e2e.load import ConstantLoad
from tests.e2e.migration import Migration, eventually

WAIT = 60
"""Seconds for what must come true, on however busy a machine."""
TRIES = 5
"""So often what has to be quick may be held up by the machine it runs on."""


def test_death_of_the_new_application_costs_no_safe_request(fresh_migration: Migration) -> None:
    """Legacy answers for it; the breaker keeps later requests away from it."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: load.count("new") > 50, WAIT)
        fresh_migration.kill_application("new")
        killed = time.monotonic()
        assert eventually(lambda: load.count("legacy", since=killed) >= 400, WAIT)
    assert load.count("new", since=killed) == 0
    assert load.failures() == []


def test_rollback_ends_every_new_side_request_and_no_client_sees_an_error(fresh_migration: Migration) -> None:
    """From the moment the command has ended, no request goes to the new side; and it says how long it
    took."""
    fresh_migration.dial(50)
    took: list[float] = []
    while not took or took[-1] >= 1:
        if len(took) == TRIES:
            pytest.fail(f"not within a second in {TRIES} tries: {took}")
        if took:
            fresh_migration.restore()
        with ConstantLoad(fresh_migration.url) as load:
            assert eventually(lambda: load.count("new") > 50, WAIT)
            done = fresh_migration.rollback()
            over = time.monotonic()
            assert eventually(lambda: load.count("legacy", since=over) >= 300, WAIT)  # noqa: B023 - called before the loop goes on
        assert done["workers"] == 2
        assert load.count("new", since=over) == 0
        assert load.failures() == []
        took.append(done["seconds"])
        assert took[-1] >= 0


def test_death_of_the_control_process_changes_nothing_and_rollback_still_works(
    fresh_migration: Migration,
) -> None:
    """The command writes the state page itself when nobody answers on the admin port."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: load.count("new") > 50, WAIT)
        for _ in range(40):  # whatever takes its place is killed as well, until the rollback is done
            for pid in fresh_migration.child_pids("gateway.control_process"):
                fresh_migration.kill(pid)
            time.sleep(0.02)
        killed = time.monotonic()
        assert eventually(lambda: load.count("new", since=killed) > 20, WAIT)
        done = banyan(fresh_migration.config, "rollback", "--reason", "the control process is gone")
        over = time.monotonic()
        assert eventually(lambda: load.count("legacy", since=over) >= 200, WAIT)
    assert done.code == 0, done.text
    assert done.data["complete"]
    assert load.count("new", since=over) == 0
    assert load.failures() == []


def test_a_control_process_that_hung_and_died_leaves_no_worker_dumb(fresh_migration: Migration) -> None:
    """What it had not read is lost with it; all that workers count from then on is told to the next one."""
    fresh_migration.dial(50)
    for pid in fresh_migration.child_pids("gateway.control_process"):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(1)  # reports of every worker lie there unread
        fresh_migration.kill(pid)

    def told() -> bool:
        with ConstantLoad(fresh_migration.url) as load:
            assert eventually(lambda: load.count("new") > 20, WAIT)
        report = reported(fresh_migration)
        return bool(report and report["new"]["requests"] and report["legacy"]["requests"])

    assert eventually(told, 3 * WAIT)


def test_death_of_a_worker_costs_only_what_it_had_in_flight(fresh_migration: Migration) -> None:
    """The listening socket belongs to the supervisor: the other worker goes on, and a new one takes the
    place."""
    fresh_migration.dial(50)
    before = set(fresh_migration.worker_pids())
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: len(load.answered) > 100, WAIT)
        victim = sorted(before)[0]
        fresh_migration.kill(victim)
        assert eventually(lambda: has_ended(victim), WAIT)
        ended = time.monotonic()  # until now its connections took requests

        def replaced() -> bool:
            now = set(fresh_migration.worker_pids())
            return len(now) == 2 and victim not in now

        assert eventually(replaced, WAIT)
        later = len(load.answered)
        assert eventually(lambda: len(load.answered) > later + 200, WAIT)
    for lost in load.failures():
        assert lost.sent <= ended + 0.25, f"sent {lost.sent - ended:.2f} s after its end: {lost.error}"
    assert len(load.failures()) <= 64  # one request on each of the client's connections at most


def has_ended(pid: int) -> bool:
    """Whether nothing of this process is open any more: a killed one ends when a busy machine lets it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in ("Z", "X")


def test_death_of_the_shadow_process_costs_nothing(fresh_migration: Migration) -> None:
    """Nobody waits for it; a new one takes its place and goes on comparing."""
    fresh_migration.dial(50)
    with ConstantLoad(fresh_migration.url) as load:
        assert eventually(lambda: len(load.answered) > 100, WAIT)
        killed = set(fresh_migration.child_pids("gateway.shadow_process"))
        for pid in killed:
            fresh_migration.kill(pid)
        assert eventually(lambda: set(fresh_migration.child_pids("gateway.shadow_process")) - killed, WAIT), (
            "another takes its place"
        )
        later = len(load.answered)
        assert eventually(lambda: len(load.answered) > later + 200, WAIT)
    assert load.failures() == []
    compared = settled(fresh_migration)

    def goes_on() -> bool:
        with ConstantLoad(fresh_migration.url) as more:
            assert eventually(lambda: len(more.answered) > 100, WAIT)
        assert more.failures() == []
        return settled(fresh_migration) > compared

    assert eventually(goes_on, 2 * WAIT)


def settled(migration: Migration) -> int:
    """How many pairs were compared, once there is nothing more to come."""

    def told() -> int:
        report = reported(migration)
        return -1 if report is None or report["shadow"]["in_flight"] else int(report["shadow"]["compared"])

    last = -2
    for _ in range(WAIT):
        now = told()
        if now == last >= 0:
            break
        last = now
        time.sleep(1)  # longer than what was counted is kept to oneself
    return last


def reported(migration: Migration) -> dict[str, Any] | None:
    """What is known of the feature; None while no control process answers. The command's exit code is no
    sign of that: it says whether the evidence is enough to go on."""
    data: dict[str, Any] | None = migration.banyan("report", migration.feature).data
    return data if data is not None and "shadow" in data else None
