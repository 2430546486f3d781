"""The plan as a table: what holds a step, what goes on, and what only a person does."""

from __future__ import annotations

from typing import Any

import pytest

from flags import (
    Act,
    Judgement,
    Outcome,
    Phase,
    PlanState,
    PlanStep,
    Standing,
    consider,
    plan_words,
    step_after,
    step_at,
)
from flags.plan import span

DAY = 86_400.0
STEPS = (
    PlanStep(100, hold=3600.0),
    PlanStep(1000, hold=DAY, samples=5000),
    PlanStep(5000, person=True),
    PlanStep(10_000),
)
PASS = Judgement(Outcome.PASS, ("fine",))
HOLD = Judgement(Outcome.HOLD, ("312 of 500 samples on the new side",))
FAIL = Judgement(Outcome.FAIL, ("errors gather on the new side",))


def standing(**changes: Any) -> Standing:
    return Standing("orders", 1000, False, 6000, PASS)._replace(**changes)


def running(**changes: Any) -> PlanState:
    return PlanState(**{"phase": Phase.RUNNING, "percent": 1000, "since": 0.0, **changes})


@pytest.mark.parametrize(
    ("state", "now_standing", "frozen", "now", "held"),
    [
        (running(), standing(), "", DAY - 61, "23 h 58 min of 1 d"),
        (running(), standing(samples=4999), "", DAY, "4999 of 5000 samples"),
        (running(), standing(judgement=HOLD), "", DAY, "312 of 500 samples on the new side"),
        (running(), standing(judgement=FAIL), "", DAY, "errors gather on the new side"),
        (running(), standing(), "ann: a launch", DAY, "all raises are frozen (ann: a launch)"),
        (running(percent=5000), standing(dial=5000), "", DAY, "waits for a person's approval"),
        (running(phase=Phase.PAUSED, why="ann: lunch"), standing(), "", DAY, "ann: lunch"),
    ],
)
def test_each_hold_holds_alone(
    state: PlanState, now_standing: Standing, frozen: str, now: float, held: str
) -> None:
    move = consider(STEPS, state, [now_standing], frozen, now)
    assert (move.act, move.reasons) == (Act.STAY, (held,))


def test_a_far_raise_waits_for_a_second_person() -> None:
    said = ("above 20 % it waits for a second person's approval",)
    assert consider(STEPS, running(), [standing()], "", DAY, 2000)[:2] == (Act.STAY, said)
    assert consider(STEPS, running(approved=True), [standing()], "", DAY, 2000).act is Act.RAISE
    assert consider(STEPS, running(), [standing()], "", DAY, 5000).act is Act.RAISE


def test_a_source_may_tell_a_step_later_than_the_plan() -> None:
    """Another machine made the step; a latch is believed at once, and so is a dial after a while."""
    late, step = standing(dial=0), running(since=DAY)
    waits = consider(STEPS, step, [standing(), late], "", DAY + 5, settles=12)
    assert (waits.act, waits.reasons) == (Act.STAY, ("the step is not told of orders yet",))
    assert consider(STEPS, step, [standing(), late], "", DAY + 12, settles=12).act is Act.PAUSE
    assert consider(STEPS, step, [standing(), late], "", DAY + 5).act is Act.PAUSE
    assert consider(STEPS, step, [standing(latched=True)], "", DAY + 5, settles=12).act is Act.PAUSE


def test_all_that_holds_is_told() -> None:
    move = consider(STEPS, running(), [standing(samples=3, judgement=HOLD)], "why", 60.0)
    assert len(move.reasons) == 4
    assert plan_words(STEPS, running(), move).startswith("at 10 %, next 50 %, held: all raises are frozen")


@pytest.mark.parametrize(
    ("state", "now_standing", "to"),
    [
        (running(), standing(), 5000),
        (running(percent=5000, approved=True), standing(dial=5000), 10_000),
        (running(percent=50), standing(dial=50, samples=0), 100),  # below the first step nothing holds
        (
            running(percent=2000),
            standing(dial=2000),
            5000,
        ),  # a dial between two steps has the lower one's holds
    ],
)
def test_with_nothing_left_it_goes_on(state: PlanState, now_standing: Standing, to: int) -> None:
    assert consider(STEPS, state, [now_standing], "", DAY)[::2] == (Act.RAISE, to)


def test_behind_the_last_step_it_is_done() -> None:
    assert consider(STEPS, running(percent=10_000), [standing(dial=10_000)], "", DAY).act is Act.FINISH
    assert plan_words(
        STEPS, running(phase=Phase.DONE, percent=10_000), consider(STEPS, running(), [], "", 0)
    ) == ("done at 100 %")


@pytest.mark.parametrize(
    ("now_standing", "why"),
    [
        (standing(latched=True), "orders is rolled back"),
        (standing(dial=0), "the dial of orders was moved to 0 %, the plan had it at 10 %"),
        (standing(dial=9000), "the dial of orders was moved to 90 %, the plan had it at 10 %"),
    ],
)
def test_whoever_takes_over_pauses_it(now_standing: Standing, why: str) -> None:
    assert consider(STEPS, running(), [now_standing], "", DAY)[:2] == (Act.PAUSE, (why,))


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.DONE])
def test_nothing_moves_a_plan_that_does_not_run(phase: Phase) -> None:
    for now_standing in (standing(), standing(latched=True), standing(dial=0)):
        assert consider(STEPS, running(phase=phase), [now_standing], "", 9 * DAY).act is Act.STAY


def test_a_journey_waits_for_each_of_its_features() -> None:
    carts = standing(feature="carts", samples=4000, judgement=HOLD)
    move = consider(STEPS, running(), [standing(), carts], "", DAY)
    assert move.reasons == (
        "carts: 4000 of 5000 samples",
        "carts: 312 of 500 samples on the new side",
    )
    assert consider(STEPS, running(), [standing(), standing(dial=0)], "", DAY).act is Act.PAUSE


def test_a_clock_that_goes_back_never_raises() -> None:
    assert consider(STEPS, running(since=5 * DAY), [standing()], "", 0.0).reasons == ("0 s of 1 d",)


def test_steps_by_a_dial() -> None:
    assert [step_at(STEPS, dial) for dial in (0, 99)] == [None, None]
    assert step_at(STEPS, 100) == STEPS[0]
    assert step_at(STEPS, 9999) == STEPS[2]
    assert step_after(STEPS, 5000) == STEPS[3]
    assert step_after(STEPS, 10_000) is None


def test_words_of_a_plan_that_does_not_run() -> None:
    stay = consider(STEPS, running(phase=Phase.PAUSED, why="why"), [], "", 0.0)
    assert plan_words(STEPS, None, stay) == "not started, first 1 %"
    paused = running(phase=Phase.PAUSED, why="ann: lunch")
    assert plan_words(STEPS, paused, stay) == "paused at 10 %, next 50 %: ann: lunch"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.3, "300 ms"), (59, "59 s"), (3600, "1 h"), (90_061, "1 d 1 h"), (14 * DAY, "14 d"), (0, "0 s")],
)
def test_spans_as_people_say_them(seconds: float, said: str) -> None:
    assert span(seconds) == said
