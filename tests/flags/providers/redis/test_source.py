"""What one machine knows of the shared state, over a store that fails in every way it can."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from pathlib import Path

import pytest

from flags import Phase, PlanMoved, PlanState, RaisesFrozen, Said, SourceUnwritable, StoredState
from flags.providers.redis.last_good import kept_in
from flags.providers.redis.source import RedisSource
from flags.providers.redis.state import read_state
from flags.providers.redis.store import Failed, Found, Unchanged

ANN = Said("ann", "because")


def _nothing() -> None: ...


class FakeStore:
    """One value; `fails` in place of an answer; `meddles` writes something else just before a swap, and
    `meanwhile` is done here during one."""

    key = "test:state"

    def __init__(self) -> None:
        self.value: bytes | None = None
        self.fails = ""
        self.fails_to_write = ""
        self.meddles: list[bytes] = []
        self.meanwhile: Callable[[], None] = _nothing

    async def read(self, known: bytes | None) -> Found | Unchanged | Failed:
        if self.fails:
            return Failed(self.fails)
        return Unchanged() if known == self.value else Found(self.value)

    async def swap(self, known: bytes | None, data: bytes) -> bool | Failed:
        meanwhile, self.meanwhile = self.meanwhile, _nothing
        meanwhile()
        if self.meddles:
            self.value = self.meddles.pop()
        if self.fails_to_write:
            return Failed(self.fails_to_write)
        if known != self.value:
            return False
        self.value = data
        return True


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


NAMES = count()


def machine(store: FakeStore, folder: Path, clock: Clock | None = None, **first: int) -> RedisSource:
    folder.mkdir(exist_ok=True)
    return RedisSource(
        store,
        kept_in(folder, store.key),
        machine=folder.name,
        first=lambda: first or {"orders": 100},
        clock=clock or Clock(),
        new_name=lambda: f"name-{next(NAMES)}",
    )


async def test_the_first_machine_brings_its_dials_and_the_next_one_takes_them_over(
    store: FakeStore, tmp_path: Path
) -> None:
    one, two = machine(store, tmp_path / "a", orders=100), machine(store, tmp_path / "b", orders=0, reports=5)
    assert one.wanted(["orders"], {}) is None
    assert await one.refresh()
    assert await two.refresh()
    assert await one.refresh()
    assert one.dials() == two.dials() == {"orders": 100, "reports": 5}


async def test_a_dial_is_everybodys_once_it_is_written(store: FakeStore, tmp_path: Path) -> None:
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    await one.write("orders", 2500, ANN)
    await two.refresh()
    wanted = two.wanted(["orders", "unknown"], {})
    assert wanted is not None
    assert (wanted.dials, wanted.rules, dict(wanted.said)) == ({"orders": 2500}, None, {"orders": ANN})


async def test_a_dial_that_another_machine_has_moved_is_not_raised(store: FakeStore, tmp_path: Path) -> None:
    """Even where this machine has not read that yet: it is compared where it is written."""
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    await one.write("orders", 2500, ANN)
    await two.write("orders", 0, ANN)
    with pytest.raises(PlanMoved, match="look again"):
        await one.move(["orders"], 5000, ANN, only_from(2500))
    await two.refresh()
    assert two.dials()["orders"] == 0
    await one.move(["orders"], 5000, ANN, only_from(0))
    assert one.dials()["orders"] == 5000


def only_from(percent: int) -> Callable[[StoredState], StoredState]:
    """A change that counts on this dial."""

    def change(state: StoredState) -> StoredState:
        if state.percents["orders"] != percent:
            raise PlanMoved("look again")
        return state

    return change


async def test_a_freeze_holds_where_it_was_made_and_then_everywhere(store: FakeStore, tmp_path: Path) -> None:
    """Nobody raises past it, also who has not read of it; it ends for everybody, and for good."""
    one, two = machine(store, tmp_path / "a", orders=100), machine(store, tmp_path / "b", orders=100)
    await one.refresh()
    await two.refresh()
    one.freeze(ANN)
    assert one.frozen() == "ann: because"
    await one.refresh()
    with pytest.raises(RaisesFrozen, match="because"):
        await two.write("orders", 200, ANN)
    await two.write("orders", 50, ANN)
    assert two.frozen() == "ann: because"
    await two.thaw(ANN)
    await one.refresh()
    assert (one.frozen(), two.frozen()) == ("", "")
    await one.write("orders", 200, ANN)


async def test_dials_and_plan_move_as_one_or_not_at_all(store: FakeStore, tmp_path: Path) -> None:
    """Of two machines that take the same step one does, and a dial that stays keeps the name of its move."""
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    await one.refresh()
    await two.refresh()
    plan = PlanState(Phase.RUNNING, 1000, 5.0)

    def first_step(state: StoredState) -> StoredState:
        if state.plans:
            raise PlanMoved("look again")
        return state.with_plan("checkout", plan, 5.0)

    await one.move(["orders", "reports"], 1000, ANN, first_step)
    with pytest.raises(PlanMoved):
        await two.move(["orders", "reports"], 1000, ANN, first_step)
    assert (two.dials(), two.plans()) == ({"orders": 1000, "reports": 1000}, {"checkout": plan})
    name = two.move_of("orders", 1000)
    assert name == one.move_of("orders", 1000)
    assert two.move_of("orders", 500) == ""
    await two.write("orders", 1000, ANN)
    assert two.move_of("orders", 1000) == name
    await two.write("orders", 900, ANN)
    assert two.move_of("orders", 900) not in ("", name)


async def test_a_restore_and_a_renewal_begin_the_evidence_anew_everywhere(
    store: FakeStore, tmp_path: Path
) -> None:
    one, two = machine(store, tmp_path / "a", orders=100), machine(store, tmp_path / "b", orders=100)
    one.roll_back("orders", ANN)
    await one.refresh()
    await two.refresh()
    assert (one.begun("orders"), two.begun("orders")) == ("", "")
    await two.restore("orders", ANN)
    await one.refresh()
    restored = one.begun("orders")
    assert restored == two.begun("orders") != ""
    await one.renew("orders")
    await two.refresh()
    assert one.begun("orders") == two.begun("orders") not in ("", restored)


async def test_somebody_who_writes_in_between_is_not_overwritten(store: FakeStore, tmp_path: Path) -> None:
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    await one.refresh()
    await two.write("reports", 700, ANN)
    theirs = store.value
    assert theirs is not None
    store.meddles = [theirs]
    await one.refresh()
    await one.write("orders", 300, ANN)
    assert one.dials() == {"orders": 300, "reports": 700}


async def test_a_store_that_is_always_taken_gives_up(store: FakeStore, tmp_path: Path) -> None:
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    taken = []
    for number in range(20):
        await two.write("reports", number, ANN)
        assert store.value is not None
        taken.append(store.value)
    store.meddles = taken[:-1]
    with pytest.raises(SourceUnwritable, match="by others all the time"):
        await one.write("orders", 300, ANN)


async def test_without_an_answer_the_last_good_state_stays_and_ages(store: FakeStore, tmp_path: Path) -> None:
    clock = Clock()
    one = machine(store, tmp_path / "a", clock)
    await one.write("orders", 300, ANN)
    store.fails = "does not answer"
    clock.now += 30
    for missed in (1, 2, 3):
        assert not await one.refresh()
        assert one.view().alert == (missed == 3)
    assert (one.view().age_seconds, one.view().problem) == (30, "Redis does not answer.")
    with pytest.raises(SourceUnwritable, match="does not answer"):
        await one.write("orders", 400, ANN)
    one.roll_back("orders", ANN)
    with pytest.raises(SourceUnwritable, match="does not answer"):
        await one.restore("orders", ANN)
    assert one.dials() == {"orders": 300}
    assert one.holds("orders") == Said("ann", "because", "a")
    store.fails = ""
    assert await one.refresh()
    assert one.view() == (one.view().__class__("redis", 0.0, "", False))
    assert store.value is not None
    assert len(read_state(store.value).rollbacks) == 1


async def test_what_cannot_be_written_holds_here_and_is_written_later(
    store: FakeStore, tmp_path: Path
) -> None:
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    await one.refresh()
    await two.refresh()
    store.fails_to_write = "cannot be used: OOM"
    one.roll_back(None, ANN)
    assert not await one.refresh()
    assert one.holds(None)
    store.fails_to_write = ""
    await one.refresh()
    await two.refresh()
    assert two.holds(None) == Said("ann", "because", "a")
    await two.restore(None, Said("bob", "fine again"))
    await one.refresh()
    assert one.holds(None) is None
    assert one.restored_by(None) == Said("bob", "fine again", "b")


@pytest.mark.parametrize("outcome", ["written", "refused", "overtaken"])
@pytest.mark.parametrize("change", ["dial", "restore"])
async def test_a_rollback_made_while_another_change_is_written_holds_and_reaches_the_others(
    store: FakeStore, tmp_path: Path, change: str, outcome: str
) -> None:
    one, two = machine(store, tmp_path / "a"), machine(store, tmp_path / "b")
    one.roll_back("reports", ANN)
    await one.refresh()
    await two.write("orders", 5, ANN)
    store.meanwhile = lambda: one.roll_back("orders", ANN)
    if outcome == "overtaken":
        assert store.value is not None
        store.meddles = [store.value + b" "]
    store.fails_to_write = "is full" if outcome == "refused" else ""
    with pytest.raises(SourceUnwritable) if outcome == "refused" else nullcontext():
        await (one.write("orders", 300, ANN) if change == "dial" else one.restore("reports", ANN))
    store.fails_to_write = ""
    assert one.holds("orders") == Said("ann", "because", "a")
    assert (one.holds("reports") is None) == (change == "restore" and outcome != "refused")
    await one.refresh()
    await two.refresh()
    assert two.holds("orders") == one.holds("orders")
    assert (two.holds("reports") is None) == (one.holds("reports") is None)


async def test_a_restart_knows_what_was_in_force_and_refuses_an_older_copy(
    store: FakeStore, tmp_path: Path
) -> None:
    one = machine(store, tmp_path / "a")
    await one.write("orders", 300, ANN)
    older = store.value
    await one.write("orders", 400, ANN)
    one.told["orders"] = 3
    await one.refresh()
    await one.save()
    store.value = older
    again = machine(store, tmp_path / "a")
    assert again.dials() == {"orders": 400}
    assert again.told == {"orders": 3}
    await again.refresh()
    assert again.dials() == {"orders": 400}
    assert "is at version 1, behind 2" in again.events()[0]
    assert store.value is not None
    assert read_state(store.value).version == 3


async def test_an_emptied_store_is_filled_again_but_rubbish_is_left_to_a_person(
    store: FakeStore, tmp_path: Path
) -> None:
    one = machine(store, tmp_path / "a")
    await one.write("orders", 300, ANN)
    store.value = None
    await one.refresh()
    assert "is empty" in one.events()[0]
    rubbish = store.value = b"rubbish"
    assert not await one.refresh()
    assert "Delete that key" in one.view().problem
    assert (store.value, one.dials()) == (rubbish, {"orders": 300})


async def test_a_copy_of_another_key_or_a_damaged_one_is_not_believed(
    store: FakeStore, tmp_path: Path
) -> None:
    one = machine(store, tmp_path / "a")
    await one.write("orders", 300, ANN)
    file = tmp_path / "a" / "redis.json"
    file.write_bytes(file.read_bytes().replace(b"300", b"900"))
    assert machine(store, tmp_path / "a").wanted(["orders"], {}) is None
    await one.write("orders", 301, ANN)
    store.key = "other:state"
    assert machine(store, tmp_path / "a").wanted(["orders"], {}) is None
