"""What becomes of a plan that is moved, without anybody who moves it."""

from __future__ import annotations

import pytest

from flags import Act, Judgement, Move, Outcome, Phase, PlanMoved, PlanState, Standing, StoredState
from gateway.config import Config, parse_config
from gateway.control.errors import Refused
from gateway.control.plans import (
    NamedPlan,
    Raise,
    after_action,
    after_move,
    change_of,
    entries_of,
    paused_by_guard,
    plan_of,
    plans_of,
    raised_by_hand,
    refuse_the_same_person,
)

NOW = 1_800_000_000.0
STEPS = "plan = { steps = [1, 10, 50, 100]"
FILE = f"""
[upstreams.legacy]
url = "http://127.0.0.1:1"
[upstreams.new]
url = "http://127.0.0.1:2"
[[feature]]
name = "orders"
match = ["/orders/*"]
{STEPS} }}
[[feature]]
name = "carts"
match = ["/carts/*"]
{STEPS}, journey = "shop" }}
[[feature]]
name = "checkout"
match = ["/checkout/*"]
{STEPS}, journey = "shop" }}
[[feature]]
name = "reports"
match = ["/reports/*"]
"""


@pytest.fixture
def config() -> Config:
    return parse_config(FILE, "banyan.toml", {})


@pytest.fixture
def orders(config: Config) -> NamedPlan:
    return plans_of(config)[0]


@pytest.fixture
def shop(config: Config) -> NamedPlan:
    return plans_of(config)[1]


def standing(feature: str, dial: int, *, latched: bool = False, fails: bool = False) -> Standing:
    said = Judgement(Outcome.FAIL, ("too slow",)) if fails else Judgement(Outcome.PASS, ())
    return Standing(feature, dial, latched, 1000, said)


def test_features_of_one_journey_are_one_plan_and_a_feature_without_steps_is_none(config: Config) -> None:
    assert [(plan.name, plan.names) for plan in plans_of(config)] == [
        ("orders", ("orders",)),
        ("shop", ("carts", "checkout")),
    ]
    found = [plan_of(feature, config) for feature in config.features]
    assert [plan.name if plan else None for plan in found] == ["orders", "shop", "shop", None]


def by_hand(
    plan: NamedPlan, state: PlanState | None, action: str, *standings: Standing, alone: int = 10_000
) -> Raise:
    return raised_by_hand(plan, state, standings, action, alone=alone, now=NOW, token="deploy")


RUNNING = PlanState(Phase.RUNNING, 1000, NOW - 60, approved=True, token="deploy")
PAUSED = PlanState(Phase.PAUSED, 1000, NOW - 60, approved=True, why="anna: lunch", token="deploy")


@pytest.mark.parametrize(
    ("state", "action", "dial", "to", "since", "approved"),
    [
        pytest.param(None, "start", 0, 100, NOW, False, id="start: the first step"),
        pytest.param(None, "start", 2500, 2500, NOW, False, id="start: where the dial stands above that"),
        pytest.param(PAUSED, "resume", 1000, 1000, NOW - 60, True, id="resume: its time counts on"),
        pytest.param(PAUSED, "resume", 700, 700, NOW, False, id="resume: another dial, another time"),
        pytest.param(RUNNING, "skip", 1000, 5000, NOW, False, id="skip: the next step"),
    ],
)
def test_what_a_person_asks_for(
    orders: NamedPlan,
    state: PlanState | None,
    action: str,
    dial: int,
    to: int,
    since: float,
    approved: bool,
) -> None:
    after = PlanState(Phase.RUNNING, to, since, approved, token="deploy")
    assert by_hand(orders, state, action, standing("orders", dial)) == Raise(dial, after)


@pytest.mark.parametrize(
    ("dials", "latched", "fails", "alone", "words"),
    [
        ((100, 100), True, False, 10_000, "checkout is rolled back"),
        ((100, 500), False, False, 10_000, "carts at 1 %, checkout at 5 %"),
        ((10_000, 10_000), False, False, 10_000, "at its last step"),
        ((100, 100), False, True, 10_000, "checkout is broken"),
        ((1000, 1000), False, False, 4999, "A raise to 50 % needs a second person"),
    ],
)
def test_what_a_person_is_refused(
    shop: NamedPlan, dials: tuple[int, int], latched: bool, fails: bool, alone: int, words: str
) -> None:
    one = standing("carts", dials[0])
    other = standing("checkout", dials[1], latched=latched, fails=fails)
    with pytest.raises(Refused, match=words):
        by_hand(shop, RUNNING, "skip", one, other, alone=alone)


def test_a_plan_that_stays_where_it_is_asks_for_no_sound_guard(orders: NamedPlan) -> None:
    broken = standing("orders", 1000, fails=True)
    assert by_hand(orders, PAUSED, "resume", broken, alone=0).dial == 1000


def test_who_has_set_it_going_is_no_second_person(orders: NamedPlan) -> None:
    with pytest.raises(Refused, match="another token than 'deploy'"):
        refuse_the_same_person(orders, RUNNING, "deploy", alone=4999)
    refuse_the_same_person(orders, RUNNING, "anna", alone=4999)
    refuse_the_same_person(orders, RUNNING, "deploy", alone=5000)


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("pause", PlanState(Phase.PAUSED, 1000, NOW - 60, True, "anna: lunch", "deploy")),
        ("approve", PlanState(Phase.RUNNING, 1000, NOW - 60, True, "", "deploy")),
        ("stop", None),
    ],
)
def test_what_an_action_leaves_that_moves_no_dial(action: str, after: PlanState | None) -> None:
    assert after_action(action, RUNNING, "anna", "lunch") == after


@pytest.mark.parametrize(
    ("move", "after", "words"),
    [
        (
            Move(Act.RAISE, to=5000),
            PlanState(Phase.RUNNING, 5000, NOW, token="deploy"),
            "from 10 % to 50 %",
        ),
        (
            Move(Act.PAUSE, ("orders is rolled back",)),
            PlanState(Phase.PAUSED, 1000, NOW - 60, False, "orders is rolled back", "deploy"),
            "orders is rolled back",
        ),
        (
            Move(Act.FINISH),
            PlanState(Phase.DONE, 1000, NOW - 60, True, "", "deploy"),
            "at 10 %, the last step",
        ),
    ],
)
def test_what_a_plan_leaves_that_goes_on_by_itself(move: Move, after: PlanState, words: str) -> None:
    found, why = after_move(RUNNING, move, NOW)
    assert found == after
    assert words in why


STORED = StoredState(percents={"carts": 1000, "checkout": 1000}, plans={"shop": RUNNING})


@pytest.mark.parametrize(
    ("was", "state"),
    [
        pytest.param(PAUSED, STORED, id="it does not stand any more as it did"),
        pytest.param(RUNNING, STORED.with_latch("carts", True, NOW), id="one of its features is rolled back"),
        pytest.param(RUNNING, STORED.with_latch(None, True, NOW), id="everything is"),
        pytest.param(RUNNING, STORED.with_percents({"checkout": 900}, NOW), id="one of its dials was moved"),
    ],
)
def test_a_change_is_for_what_was_decided_on(shop: NamedPlan, was: PlanState, state: StoredState) -> None:
    after = PlanState(Phase.RUNNING, 5000, NOW, token="deploy")
    assert change_of(shop, RUNNING, after, NOW, 1000)(STORED).plans["shop"] == after
    with pytest.raises(PlanMoved):
        change_of(shop, was, after, NOW, 1000)(state)


def test_what_is_rolled_back_can_still_be_stopped(shop: NamedPlan) -> None:
    latched = STORED.with_latch("carts", True, NOW)
    assert "shop" not in change_of(shop, RUNNING, None, NOW)(latched).plans


def test_a_plan_whose_features_are_taken_back_is_paused_at_nothing(shop: NamedPlan) -> None:
    paused = PlanState(Phase.PAUSED, 0, NOW, why="a guard is broken", token="deploy")
    change = paused_by_guard(shop, "a guard is broken", lambda: NOW)
    assert change(STORED).plans["shop"] == paused
    done = STORED.with_plan("shop", PlanState(Phase.DONE, 10_000, NOW), NOW)
    assert change(done) is done
    assert paused_by_guard(None, "a guard is broken", lambda: NOW)(STORED) is STORED


def test_the_ledger_has_an_entry_for_each_feature_of_a_journey(shop: NamedPlan, orders: NamedPlan) -> None:
    found = entries_of(shop, "plan_pause", RUNNING, PAUSED, "lunch", "anna")
    assert [(one.feature, one.old, one.new, one.evidence) for one in found] == [
        (name, "running at 10 %", "paused at 10 %", {"journey": "shop"}) for name in ("carts", "checkout")
    ]
    (alone,) = entries_of(orders, "plan_stop", RUNNING, None, "over", "anna")
    assert (alone.new, alone.evidence) == ("not started", None)
