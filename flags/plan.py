"""The steps a dial will take, and whether the next one may be taken now: pure. It must not know who moves
dials, nor how evidence is gathered.

A plan is *not started*, *running*, *paused* or *done*. While it runs it stands at a dial; its step is the
last one that is not above that. It goes on when nothing holds it any more:

    what holds                                until
    ---------------------------------------   ---------------------------------------------
    the freeze of all raises                  somebody thaws
    the step's time                           the dial has stood there for so long
    the step's samples                        so many were seen since the dial stood there
    the judge                                 every guard passes
    the others' evidence                      it is known, where several machines share it
    the step's person                         somebody approves
    a second person, for a far raise          somebody else than who has started it approves

A latch, or a dial that is no longer where the plan has put it, pauses the plan: whoever did that has taken
over, and only a person goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from flags.judge import Judgement, Outcome
from flags.percent import FULL, format_percent

__all__ = [
    "Act",
    "Move",
    "Phase",
    "PlanState",
    "PlanStep",
    "Standing",
    "consider",
    "plan_words",
    "span",
    "step_after",
    "step_at",
]


class PlanStep(msgspec.Struct, frozen=True):
    """`percent` in hundredths; `hold` in seconds; `samples` requests of the new side (at 0 %: comparisons);
    `person`: somebody has to approve before the plan goes on from here.
    """

    percent: int
    hold: float = 0.0
    samples: int = 0
    person: bool = False


class Phase(StrEnum):
    """A plan that is not started has no state at all."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


class PlanState(msgspec.Struct, frozen=True):
    """What outlives every process: where the plan has put the dial (`percent`, hundredths), `since` when
    (seconds since 1970), whether a person has approved of going on from there, and `why` it is paused.
    `token`: who has set it going.
    """

    phase: Phase
    percent: int
    since: float
    approved: bool = False
    why: str = ""
    token: str = ""


class Standing(NamedTuple):
    """How one feature of the plan is now. `samples`: seen since its dial stands where it does."""

    feature: str
    dial: int
    latched: bool
    samples: int
    judgement: Judgement


class Act(StrEnum):
    """What is to be done with a plan now."""

    STAY = "stay"
    RAISE = "raise"
    PAUSE = "pause"
    FINISH = "finish"


class Move(NamedTuple):
    """`to` in hundredths, for a raise. `reasons`: what holds it, or why it is paused."""

    act: Act
    reasons: tuple[str, ...] = ()
    to: int = 0


def step_at(steps: Sequence[PlanStep], percent: int) -> PlanStep | None:
    """The last step that is not above a dial; None below the first."""
    return next((step for step in reversed(steps) if step.percent <= percent), None)


def step_after(steps: Sequence[PlanStep], percent: int) -> PlanStep | None:
    """The next step above a dial; None behind the last."""
    return next((step for step in steps if step.percent > percent), None)


def consider(
    steps: Sequence[PlanStep],
    state: PlanState,
    features: Sequence[Standing],
    frozen: str,
    now: float,
    alone: int = FULL,
    blind: str = "",
    settles: float = 0.0,
) -> Move:
    """What to do with a plan. `frozen`: why all raises are, "" when they are not; `now` in seconds since
    1970; `alone`: the highest dial in hundredths that needs no second person; `blind`: why too little is
    known of the evidence; `settles`: seconds after a step in which a dial may still be told as it was before.
    """
    if state.phase is not Phase.RUNNING:
        return Move(Act.STAY, (state.why,) if state.why else ())
    if any(one.latched for one in features) or now - state.since >= settles:
        if taken := _taken_over(state, features):
            return Move(Act.PAUSE, (taken,))
    elif elsewhere := [one.feature for one in features if one.dial != state.percent]:
        return Move(Act.STAY, (f"the step is not told of {', '.join(elsewhere)} yet",))
    following = step_after(steps, state.percent)
    held = (
        *_frozen(frozen),
        *((blind,) if blind else ()),
        *_held(step_at(steps, state.percent), state, features, now),
    )
    if following and following.percent > alone and not state.approved:
        held += (f"above {_percent(alone)} it waits for a second person's approval",)
    if held:
        return Move(Act.STAY, held, following.percent if following else 0)
    return Move(Act.RAISE, (), following.percent) if following else Move(Act.FINISH)


def plan_words(steps: Sequence[PlanStep], state: PlanState | None, move: Move) -> str:
    """How a plan stands, for people: "at 10 %, next 50 %, held: 312 of 500 samples on the new side"."""
    if state is None:
        return f"not started, first {_percent(steps[0].percent)}"
    following = step_after(steps, state.percent)
    where = f"at {_percent(state.percent)}"
    where += f", next {_percent(following.percent)}" if following else ", the last step"
    if state.phase is Phase.DONE:
        return f"done at {_percent(state.percent)}"
    if state.phase is Phase.PAUSED:
        return f"paused {where}" + (f": {state.why}" if state.why else "")
    return where + (f", held: {'; '.join(move.reasons)}" if move.reasons else "")


def span(seconds: float) -> str:
    """A duration as a person reads it, in its two largest units: 90061 is "1 d 1 h"."""
    left = max(0, round(seconds))
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def _taken_over(state: PlanState, features: Sequence[Standing]) -> str:
    for one in features:
        if one.latched:
            return f"{one.feature} is rolled back"
        if one.dial != state.percent:
            return (
                f"the dial of {one.feature} was moved to {_percent(one.dial)}, "
                f"the plan had it at {_percent(state.percent)}"
            )
    return ""


def _frozen(why: str) -> tuple[str, ...]:
    return (f"all raises are frozen ({why})",) if why else ()


def _held(
    step: PlanStep | None, state: PlanState, features: Sequence[Standing], now: float
) -> tuple[str, ...]:
    """Everything that holds, the plan's own first, then what the judge says."""
    held = []
    if step is not None:
        stood = max(0.0, now - state.since)
        if stood < step.hold:
            held.append(f"{span(stood)} of {span(step.hold)}")
        held += [
            _named(one, features, f"{one.samples} of {step.samples} samples")
            for one in features
            if one.samples < step.samples
        ]
        if step.person and not state.approved:
            held.append("waits for a person's approval")
    for one in features:
        if one.judgement.outcome is not Outcome.PASS:
            held += [_named(one, features, reason) for reason in one.judgement.reasons]
    return tuple(held)


def _named(one: Standing, features: Sequence[Standing], said: str) -> str:
    return f"{one.feature}: {said}" if len(features) > 1 else said


def _percent(hundredths: int) -> str:
    return f"{format_percent(min(hundredths, FULL))} %"
