"""Two machines over a real Redis judge by what both have seen: one plan, one freeze, one evidence. Whole
gateways, each with users of its own, over the same two applications.
"""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.operations.applications import Application, applications
from tests.operations.test_plan import House, fails, feature
from tests.support.ports import wait_until
from tests.support.redis import RedisServer, start_redis
from tests.support.spawn import Spawner

Machines = tuple[House, House]
Build = Callable[..., Machines]
LONG = feature("orders", '{ steps = [50, 100], hold = "0s", samples = 2000 }')


@pytest.fixture
def both() -> Iterator[tuple[Application, Application]]:
    with applications() as found:
        yield found


@pytest.fixture
def redis(spawn: Spawner) -> RedisServer:
    return start_redis(spawn)


@pytest.fixture
def build(spawn: Spawner, tmp_path: Path, both: tuple[Application, Application], redis: RedisServer) -> Build:
    def made(*features: str) -> Machines:
        houses = []
        for number, name in enumerate(("one", "two")):
            folder = tmp_path / name
            folder.mkdir()
            house = House(spawn, folder, both, *features, state=f'redis_url = "{redis.url}"')
            house.users.count = 100_000 * number  # nobody is a user of both
            houses.append(house)
        return houses[0], houses[1]

    return made


def samples(house: House, name: str = "orders") -> int:
    """So many requests of the new side, as the judge of this machine counts them."""
    guards = house.feature(name)["guards"]
    return next((int(one["samples"]) for one in guards if one["guard"] == "error_rate"), 0)


def on_new(house: House, number: int) -> None:
    """Users of this machine, until so many requests of theirs have reached the new side."""
    until = house.new.asked + number
    while house.new.asked < until:
        house.users.come(1)


def everywhere(machines: Machines, seen: Callable[[House], bool], what: str) -> None:
    for house in machines:
        wait_until(lambda at=house: seen(at), 20, what)  # type: ignore[misc] # of a default that is bound here


def test_samples_of_both_count_on_both(build: Build) -> None:
    """Exactly, and through a restart; a plan that waits for more of them than one machine saw goes on."""
    one, two = machines = build(feature("orders", '{ steps = [50, 100], hold = "0s", samples = 612 }'))
    one.does("plan", "start", "orders")
    everywhere(machines, lambda house: house.feature()["percent"] == 50, "the first step")
    on_new(one, 312)
    everywhere(machines, lambda house: samples(house) == 312, "312 samples")
    words = two.feature()["plan"]
    assert "at 50 %, next 100 %, held: 312 of 612 samples" in words
    wait_until(lambda: one.feature()["plan"] == two.feature()["plan"], 20, "the same words on both")
    wait_until(
        lambda: gauge(two, 'banyan_guard_samples{feature="orders",guard="error_rate"}') == 312,
        20,
        "the gauge",
    )
    assert gauge(two, 'banyan_plan_step{plan="orders"}') == 1
    two.restart()
    two.users.count = 200_000
    on_new(two, 299)
    everywhere(machines, lambda house: samples(house) == 611, "611 samples")
    assert one.feature()["percent"] == 50
    on_new(two, 1)
    everywhere(machines, lambda house: house.feature()["percent"] == 100, "the second step")
    raises = [entry for house in machines for entry in house.ledger() if entry["new"] == "100"]
    assert [entry["action"] for entry in raises] == ["dial", "dial"]  # one made it, the other heard of it
    assert sum(entry["evidence"] is not None and "orders" in entry["evidence"] for entry in raises) == 1
    everywhere(machines, lambda house: bool(house.said("ledger", "verify")["intact"]), "whole ledgers")


def test_what_only_one_machine_sees_is_taken_back_on_both(build: Build) -> None:
    """And a restore on the other one begins the evidence anew on both."""
    one, two = machines = build(LONG)
    one.does("plan", "start", "orders")
    everywhere(machines, lambda house: house.feature()["percent"] == 50, "the first step")
    on_new(one, 60)
    fails(two.new)
    two.traffic_until(lambda: bool(two.feature()["latched"]), batch=10)
    everywhere(machines, lambda house: bool(house.feature()["latched"]), "the rollback")
    everywhere(machines, lambda house: house.feature()["percent"] == 0, "the dial at 0")
    everywhere(machines, lambda house: house.feature()["plan"].startswith("paused"), "the plan paused")
    asked = one.new.asked
    one.users.come(20)
    assert one.new.asked == asked
    outcome = 'banyan_guard_outcome{feature="orders",guard="%s"}'

    def told() -> bool:
        """Of the guard that was proven broken first: the errors', or that of the mismatches they are."""
        return any(gauge(two, outcome % guard["guard"]) == 2 for guard in two.feature()["guards"])

    wait_until(told, 20, "the outcome as a gauge")
    rollback = next(entry for entry in one.ledger() if entry["action"] == "rollback")
    assert (rollback["actor"], "machine" in rollback["evidence"]) == ("banyan (guard)", True)

    two.new.status = 200
    one.does("restore", "orders")
    everywhere(machines, lambda house: house.feature()["outcome"] != "fail", "the new history")
    assert (samples(one), samples(two)) == (0, 0)


def test_whoever_dies_the_plan_goes_on(build: Build) -> None:
    """What the dead one has seen goes on counting."""
    one, two = machines = build(feature("orders", '{ steps = [50, 100], hold = "0s", samples = 200 }'))
    one.does("plan", "start", "orders")
    everywhere(machines, lambda house: house.feature()["percent"] == 50, "the first step")
    on_new(one, 120)
    wait_until(lambda: samples(two) == 120, 20, "what the first one has seen")
    children = Path(f"/proc/{one.gateway.process.pid}/task/{one.gateway.process.pid}/children").read_text()
    for pid in (one.gateway.process.pid, *map(int, children.split())):
        os.kill(pid, signal.SIGKILL)
    on_new(two, 80)
    wait_until(lambda: two.feature()["percent"] == 100, 30, "the second step")
    raised = next(entry for entry in two.ledger() if entry["new"] == "100")
    assert raised["evidence"]["orders"]["guards"]["error_rate"]["samples"] == 200


def test_a_freeze_and_a_pause_on_one_hold_on_both(build: Build) -> None:
    one, two = machines = build(feature("orders", '{ steps = [50, 100], hold = "0s", samples = 40 }'))
    one.does("plan", "start", "orders")
    everywhere(machines, lambda house: house.feature()["percent"] == 50, "the first step")
    one.does("freeze")
    wait_until(lambda: bool(two.asked("/status")["frozen"]), 20, "the freeze on the other machine")
    assert "ann: a test" in two.refused("dial", "orders", "60")
    assert "ann: a test" in one.refused("dial", "orders", "60")
    on_new(two, 60)
    everywhere(machines, lambda house: samples(house) == 60, "the samples")
    everywhere(machines, lambda house: "held: all raises are frozen" in house.feature()["plan"], "the hold")
    two.does("dial", "orders", "40")
    everywhere(machines, lambda house: house.feature()["percent"] == 40, "a lower dial")
    everywhere(machines, lambda house: house.plan()["phase"] == "paused", "somebody who has taken over")
    assert gauge(two, 'banyan_plan_phase{phase="paused",plan="orders"}') == 1
    assert gauge(two, "banyan_raises_frozen") == 1

    two.does("thaw")
    wait_until(lambda: not one.asked("/status")["frozen"], 20, "the thaw on the other machine")
    one.does("plan", "resume", "orders")
    wait_until(lambda: two.plan()["phase"] == "running", 20, "the plan running")
    two.does("plan", "pause", "orders")
    wait_until(lambda: one.plan()["phase"] == "paused", 20, "the pause on the other machine")
    on_new(one, 60)
    everywhere(machines, lambda house: samples(house) == 60, "the samples")
    assert [house.feature()["percent"] for house in machines] == [50, 50]


def test_without_redis_nothing_is_raised_and_what_is_broken_is_taken_back(
    build: Build, redis: RedisServer, spawn: Spawner
) -> None:
    """By what this machine has seen itself; and when Redis is back, empty, all is known again."""
    one, two = machines = build(LONG)
    one.does("plan", "start", "orders")
    everywhere(machines, lambda house: house.feature()["percent"] == 50, "the first step")
    on_new(one, 40)
    on_new(two, 50)
    everywhere(machines, lambda house: samples(house) == 90, "the samples")
    redis.process.signal(signal.SIGKILL)
    redis.process.wait(10)
    held = "no view of the other machines: Redis"
    everywhere(machines, lambda house: held in house.feature()["plan"], "the hold")
    assert "Redis cannot be used" in two.refused("dial", "orders", "60")
    one.does("freeze")  # holds here at once, there when Redis is back
    on_new(two, 10)
    wait_until(lambda: samples(two) == 100, 20, "its own samples")

    again = start_redis(spawn, redis.port)
    everywhere(machines, lambda house: samples(house) == 100, "the samples of both, again")
    everywhere(machines, lambda house: bool(house.asked("/status")["frozen"]), "the freeze")
    assert all(held not in house.feature()["plan"] for house in machines)
    again.process.signal(signal.SIGKILL)
    again.process.wait(10)
    fails(two.new)
    two.traffic_until(lambda: bool(two.feature()["latched"]), batch=10)
    assert not one.feature()["latched"]
    start_redis(spawn, redis.port)
    wait_until(lambda: bool(one.feature()["latched"]), 20, "the rollback on the other machine")


def test_a_journey_climbs_together_on_the_evidence_of_both(build: Build) -> None:
    """Both dials as one change, raised by one of the machines."""
    plan = '{ journey = "checkout", steps = [50, 100], hold = "0s", samples = 60 }'
    one, two = machines = build(feature("orders", plan), feature("reports", plan))
    two.does("plan", "start", "checkout")
    everywhere(machines, lambda house: house.feature("reports")["percent"] == 50, "the first step")
    one.traffic_until(lambda: samples(two, "orders") >= 60, "/orders/1")
    two.traffic_until(lambda: samples(one, "reports") >= 60, "/reports/1")
    everywhere(machines, lambda house: dials(house) == [100, 100], "the second step")
    by_itself: list[Any] = [
        entry
        for house in machines
        for entry in house.said("ledger")
        if entry["new"] == "100" and entry["evidence"] and "orders" in entry["evidence"]
    ]
    assert sorted(entry["feature"] for entry in by_itself) == ["orders", "reports"]
    fails(one.new)
    one.traffic_until(lambda: bool(one.feature("orders")["latched"]), "/orders/1", batch=10)
    everywhere(machines, lambda house: bool(house.feature("reports")["latched"]), "the other feature, too")


def gauge(house: House, series: str) -> float | None:
    """A series of the metrics, as it stands there, if it does."""
    with urllib.request.urlopen(f"{house.gateway.ready['admin']}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    found = (float(line.rsplit(" ", 1)[1]) for line in lines if line.rsplit(" ", 1)[0] == series)
    return next(found, None)


def dials(house: House) -> list[float]:
    return [house.feature(name)["percent"] for name in ("orders", "reports")]
