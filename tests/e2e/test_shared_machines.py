"""Several machines over one Redis know of each other: `status` lists them, and a change says when it is in
force on all of them, or why that is not known."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.machines import KEYS, Machine, two_sides
from tests.support.ports import wait_until
from tests.support.redis import RedisServer, start_redis
from tests.support.spawn import Spawner

WAIT = 60
"""Seconds for what must come true, on however busy a machine."""
TRIES = 10
"""So often what has to be quick may be held up by the machine it runs on."""
KEYS_OF_A_MACHINE = {
    "machine",
    "here",
    "version",
    "current",
    "workers",
    "have",
    "seconds",
    "state_age_seconds",
    "heard_seconds",
    "silent",
}


@pytest.fixture
def both(spawn: Spawner, tmp_path: Path, redis_server: RedisServer) -> Iterator[tuple[Machine, Machine]]:
    """Two machines that have heard of each other."""
    with two_sides() as sides:
        state = f'redis_url = "{redis_server.url}"'
        made = tuple(Machine(spawn, tmp_path / name, sides, state=state) for name in ("one", "two"))
        for machine in made:
            wait_until(lambda at=machine: _all_current(at), WAIT, "both to be current")  # type: ignore[misc] # of a default that is bound here
        yield made[0], made[1]
        for machine in made:
            machine.process.stop(30)


def _machines(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = machine.status()["machines"]
    return found


def _other(machine: Machine) -> dict[str, Any]:
    """What this one says of the other."""
    return next(one for one in _machines(machine) if not one["here"])


def _all_current(machine: Machine) -> bool:
    found = _machines(machine)
    return len(found) == 2 and all(one["current"] and one["workers"] == 2 for one in found)


def _spoken(spawn: Spawner, machine: Machine, *words: str) -> str:
    """What a command says to a person."""
    done = spawn([sys.executable, "-m", "gateway", "-c", machine.config, *words], name=words[0])
    done.wait(60)
    return done.output()


def _dial(machine: Machine, percent: float) -> Any:
    return machine.ask("PUT", "/features/orders/dial", {"percent": percent, "reason": "a", "by": "ann"})


def _until_complete(do: Callable[[], Any], undo: Callable[[], Any]) -> None:
    """Do it, until its answer says that it is in force on the other machine. An answer waits for that for a
    second at most, and where that was not enough it says who or what is missing: undone, and done again.
    """
    tried: list[Any] = []
    while len(tried) < TRIES:
        asked = time.monotonic()
        tried.append(said := do())
        took = time.monotonic() - asked
        there = said.get("elsewhere")
        if there is None:  # refused, as Redis was too slow; or done directly, as the control process was
            assert said.get("direct") or "elsewhere" not in said, said
        elif there["complete"] and there["machines"] == 1:
            assert (there["have"], there["missing"], there["problem"]) == (1, [], "")
            assert 0 < there["seconds"] < took
            return
        else:
            assert there["seconds"] is None or there["machines"] == 0, there
            assert there["missing"] or there["problem"] or there["machines"] == 0, there
        undo()
    pytest.fail(f"not complete in {TRIES} tries: {tried}")


def test_a_change_says_when_it_is_in_force_on_all_machines(
    both: tuple[Machine, Machine], spawn: Spawner
) -> None:
    """What it says is so: the other machine is asked at once, without any patience."""
    one, two = both
    assert all(set(each) == KEYS_OF_A_MACHINE for each in _machines(one))
    assert [each["here"] for each in _machines(one)] == [True, False]
    assert {each["workers"] for each in _machines(one)} == {2}

    for percent in (100, 90, 80, 70, 100):
        _until_complete(lambda to=percent: _dial(one, to), lambda: _dial(one, 1))  # type: ignore[misc] # of a default that is bound here
        assert two.percent() == percent
    assert two.on_new() == set(KEYS)

    def rollback() -> Any:
        return one.change("rollback", "orders").data

    def restore() -> Any:
        return _restored(two)

    _until_complete(rollback, restore)
    assert two.on_new() == set()
    _until_complete(restore, rollback)
    assert one.on_new() == set(KEYS)

    def says_so() -> bool:
        _dial(one, 50)
        said = _spoken(spawn, one, "dial", "orders", "40", "--reason", "a test", "--by", "ann")
        return "other machines: in force on 1 of 1, the last after" in said

    wait_until(says_so, WAIT, "the sentence")
    wait_until(lambda: _all_current(one), WAIT, "both to be current")
    said = _spoken(spawn, one, "status")
    assert "(this one)" in said
    assert _other(one)["machine"] in said


def _restored(machine: Machine) -> Any:
    """A restore, once it is not refused: it is where Redis could not be asked in time, or where this machine
    has not heard of the rollback yet."""
    done: list[Any] = []

    def restores() -> bool:
        done[:] = [machine.change("restore", "orders")]
        return bool(done[0].status == 0)

    wait_until(restores, WAIT, "the restore")
    return done[0].data


def test_a_machine_whose_worker_hangs_is_named_and_one_that_is_silent_is_shown_so(
    both: tuple[Machine, Machine], spawn: Spawner
) -> None:
    """The answer comes all the same; who leaves in order is not listed any more."""
    one, two = both
    name = _other(one)["machine"]
    worker = two.child("gateway.worker")[0]
    control = two.child("gateway.control_process")[0]
    os.kill(two.process.pid, signal.SIGSTOP)  # nobody to replace what hangs
    os.kill(worker, signal.SIGSTOP)
    try:

        def named() -> bool:
            """By the control process: where that does not answer at once, nobody looks at the others."""
            said = one.change("rollback", "orders")
            assert said.data["complete"]
            there = said.data["elsewhere"]
            if there is None:
                assert said.data["direct"]
                return False
            assert (there["have"], there["seconds"], there["complete"]) == (0, None, False)
            return (there["machines"], there["missing"]) == (1, [name])

        wait_until(named, WAIT, "the name of the machine")
        wait_until(
            lambda: (_other(one)["have"], _other(one)["current"]) == (1, False), WAIT, "a worker behind"
        )

        def says_so() -> bool:
            said = _spoken(spawn, one, "rollback", "--reason", "a test", "--by", "ann")
            return f"other machines: in force on 0 of 1, not yet on {name}" in said

        wait_until(says_so, WAIT, "the sentence")

        os.kill(control, signal.SIGSTOP)
        wait_until(lambda: _other(one)["silent"], WAIT, "the silence")
        assert _other(one)["heard_seconds"] > 5
        assert "not heard for" in _spoken(spawn, one, "status")
    finally:
        for pid in (control, worker, two.process.pid):
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: _all_current(one), WAIT, "both to be current again")
    two.process.stop(30)
    wait_until(lambda: len(_machines(one)) == 1, WAIT, "the other to be gone")

    def alone() -> bool:
        there = _dial(one, 10).get("elsewhere")
        return there is not None and (there["machines"], there["problem"]) == (0, "")

    wait_until(alone, WAIT, "a dial with nobody else to hear of it")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_without_redis_a_rollback_holds_here_and_says_that_of_the_others_nothing_is_known(
    both: tuple[Machine, Machine], redis_server: RedisServer, spawn: Spawner, how: signal.Signals
) -> None:
    """Also at the very moment at which Redis goes, and again when that is known."""
    one, two = both
    late: list[str] = []
    while len(late) < TRIES:
        wait_until(lambda: _dial(one, 100).get("new") == 100, WAIT, "the dial")
        with one.crowd() as here:
            here.waits_for("new")
            redis_server.process.signal(how)
            asked = time.monotonic()
            done = one.ask("POST", "/features/orders/rollback", {"reason": "a test", "by": "ann"})
            answered = time.monotonic()
            here.waits_for("legacy", 50)
        assert (done["complete"], done["recorded"]) == (True, True)
        assert "Redis" in done["elsewhere"]["problem"]
        assert not done["elsewhere"]["complete"]
        assert here.failures == []
        # In force before anybody looked at the others, not when that was over.
        if here.last("new") - asked < max(1.0, done["seconds"] + 0.5) and answered - asked < 6:
            break
        # The machine may have been busy with something else: once more, from the start.
        late.append(f"{here.last('new') - asked:.3f} s, answered after {answered - asked:.3f} s: {done}")
        redis_server = _back(spawn, redis_server, how)
        wait_until(lambda: _all_current(one), WAIT, "Redis to be fine again")
        wait_until(lambda: two.latched() == {"orders"}, WAIT, "the rollback on the other machine")
        _restored(one)
    else:
        pytest.fail(f"late in each of {TRIES} tries: {late}")
    wait_until(lambda: one.status()["shared"]["problem"] != "", WAIT, "the problem")

    def says_so() -> bool:
        said = _spoken(spawn, one, "rollback", "--reason", "a test", "--by", "ann")
        return "other machines: unknown (Redis " in said

    wait_until(says_so, WAIT, "the sentence")
    redis_server.process.signal(signal.SIGCONT)


def _back(spawn: Spawner, redis: RedisServer, how: signal.Signals) -> RedisServer:
    """The same Redis again, or another in the place of one that was killed."""
    redis.process.signal(signal.SIGCONT)
    return start_redis(spawn, redis.port) if how == signal.SIGKILL else redis


def test_the_dashboard_shows_the_machines(both: tuple[Machine, Machine], browser: Browser) -> None:
    """This one first, and how far the other is."""
    one, _ = both
    page = browser.new_page()
    page.goto(one.ready["admin"] + "/")
    page.get_by_label("Token").fill((one.state / "admin-token").read_text().strip())
    page.get_by_role("button", name="Open").click()
    rows = page.locator("#machines tr")
    expect(rows).to_have_count(2, timeout=1000 * WAIT)
    expect(rows.first).to_contain_text("(this one)", timeout=1000 * WAIT)
    expect(rows.nth(1)).to_contain_text(_other(one)["machine"], timeout=1000 * WAIT)
    expect(rows.nth(1)).to_contain_text("2 of 2", timeout=1000 * WAIT)
    expect(rows.nth(1)).to_contain_text("current", timeout=1000 * WAIT)
    page.close()
