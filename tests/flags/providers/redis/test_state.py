"""Copies of the shared state become one: rollbacks are never lost and never come back, and nobody moves
forward by accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flags.providers.redis.state import (
    REMEMBERED,
    Garbage,
    SharedDial,
    SharedRollback,
    SharedState,
    encoded,
    merged,
    read_state,
)

HERE = SharedRollback("orders", "ann", "why", "here", 1.0)


def state(version: int, write: str = "w", **dials: int) -> SharedState:
    return SharedState(version, write, {name: SharedDial(percent) for name, percent in dials.items()})


def percents(one: SharedState) -> dict[str, int]:
    return {name: dial.percent for name, dial in one.dials.items()}


def test_the_dials_of_the_higher_version_count() -> None:
    found = merged(state(1, orders=100), state(2, "x", orders=5000))
    assert (percents(found.state), found.state.version, found.lost, found.news) == (
        {"orders": 5000},
        2,
        "",
        False,
    )


def test_an_older_copy_is_refused_and_is_to_be_written_again() -> None:
    """What only it knows is kept: a feature that somebody has added since."""
    found = merged(state(9, orders=100), state(8, "x", orders=5000, reports=7))
    assert percents(found.state) == {"orders": 100, "reports": 7}
    assert (found.state.version, found.news) == (9, True)
    assert found.lost == "is at version 8, behind 9, which is in force"


def test_of_two_that_went_on_from_the_same_old_copy_the_lower_dial_counts() -> None:
    """Going forward can wait."""
    found = merged(state(9, "a", orders=100, reports=10), state(9, "b", orders=50, reports=20))
    assert (percents(found.state), found.news) == ({"orders": 50, "reports": 10}, True)


def test_what_is_known_as_it_is_found_is_no_news() -> None:
    found = merged(state(9, orders=100), state(9, orders=100))
    assert (found.lost, found.news) == ("", False)


def test_a_rollback_that_redis_lacks_is_news_and_one_that_was_restored_is_not() -> None:
    """An old copy cannot bring it back: it is restored by its name."""
    ours = state(3).with_rollback("r1", HERE)
    found = merged(ours, state(4, "x"))
    assert (set(found.state.rollbacks), found.news) == ({"r1"}, True)
    restored = found.state.with_restore(["r1"], HERE)
    again = merged(restored, ours)
    assert again.state.rollbacks == {}


def test_a_rollback_made_unseen_survives_a_restore() -> None:
    """Of the same feature, on a machine that was cut off: whoever restored had not seen it."""
    cut_off = state(3).with_rollback("r1", HERE).with_rollback("r2", HERE)
    others = state(5, "x").with_rollback("r1", HERE).with_restore(["r1"], HERE)
    assert set(merged(cut_off, others).state.rollbacks) == {"r2"}


def test_what_is_remembered_of_restores_is_bounded_and_the_youngest() -> None:
    one = state(1)
    for number in range(REMEMBERED + 20):
        name = f"r{number}"
        at = msgspec.structs.replace(HERE, at=float(number))
        one = one.with_rollback(name, at).with_restore([name], at)
    assert len(one.restored) == REMEMBERED
    assert "r0" not in one.restored
    assert f"r{REMEMBERED + 19}" in one.restored


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'"text"',
        b'{"version": 0}',
        b'{"version": "1"}',
        b'{"version": 1, "dials": {"a": {"percent": 10001}}}',
        b'{"version": 1, "format": 2}',
        b'{"version": 1, "rollbacks": {"a": {}}}',
        b'{"version": 1, "x": ' + b"[" * 5000,
    ],
)
def test_garbage_is_garbage(data: bytes) -> None:
    with pytest.raises(Garbage):
        read_state(data)


def test_a_state_survives_its_bytes() -> None:
    one = state(4, orders=50).with_rollback("r1", HERE)
    following, data = encoded(one, lambda: "name")
    assert read_state(data) == following
    assert (following.version, following.write) == (5, "name")


class Machines:
    """Some machines and one Redis, of which an older copy may come back at any time."""

    def __init__(self, machines: int) -> None:
        self.known = [SharedState() for _ in range(machines)]
        self.redis = SharedState()
        self.copies = [self.redis]
        self.names: Iterator[int] = count()
        self.holding: set[str] = set()

    def meet(self, machine: int) -> None:
        found = merged(self.known[machine], self.redis)
        self.known[machine] = found.state
        if found.news:
            self.redis = self.known[machine] = encoded(found.state, self._name)[0]
            self.copies.append(self.redis)

    def roll_back(self, machine: int) -> None:
        name = self._name()
        self.holding.add(name)
        self.known[machine] = self.known[machine].with_rollback(name, HERE)

    def restore(self, machine: int) -> None:
        self.meet(machine)
        seen = set(self.known[machine].rollbacks)
        self.holding -= seen
        self.redis = encoded(self.known[machine].with_restore(seen, HERE), self._name)[0]
        self.known[machine] = self.redis
        self.copies.append(self.redis)

    def fall_back(self, which: int) -> None:
        self.redis = self.copies[which % len(self.copies)]

    def _name(self) -> str:
        return f"n{next(self.names)}"


STEPS = st.lists(
    st.tuples(st.sampled_from(("meet", "roll_back", "restore", "fall_back")), st.integers(0, 2)), max_size=40
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_whatever_happens_to_redis_exactly_the_rollbacks_that_nobody_restored_hold_everywhere(
    steps: list[tuple[str, int]],
) -> None:
    """Once all machines have met again; and until then on the machine that made it."""
    world = Machines(3)
    for step, number in steps:
        getattr(world, step)(number)
    for _ in range(3):
        for machine in range(3):
            world.meet(machine)
    assert [set(one.rollbacks) for one in world.known] == [world.holding] * 3
