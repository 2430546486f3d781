"""The plans that are configured, and what becomes of one that is moved: pure. It must not know who asks, nor
how anything is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flags import (
    Act,
    Entry,
    Move,
    Outcome,
    Phase,
    PlanMoved,
    PlanState,
    PlanStep,
    Standing,
    StoredState,
    format_percent,
    step_after,
)
from gateway.control.errors import Refused
from gateway.control.judging import evidence_of

if TYPE_CHECKING:
    from gateway.config import Config, Feature

__all__ = [
    "PLAN_ACTIONS",
    "NamedPlan",
    "Raise",
    "after_action",
    "after_move",
    "change_of",
    "entries_of",
    "paused_by_guard",
    "plan_of",
    "plans_of",
    "raised_by_hand",
    "refuse_rolled_back",
    "refuse_the_same_person",
    "weighed",
]

PLAN_ACTIONS: Final[Mapping[str, tuple[Phase | None, ...]]] = {
    "start": (None, Phase.DONE),
    "pause": (Phase.RUNNING,),
    "resume": (Phase.PAUSED,),
    "approve": (Phase.RUNNING, Phase.PAUSED),
    "skip": (Phase.RUNNING, Phase.PAUSED),
    "stop": (Phase.RUNNING, Phase.PAUSED, Phase.DONE),
}
"""What a person may do with a plan, and how it must stand for that (None: not started)."""


class NamedPlan(NamedTuple):
    """One plan: its name (the feature's, or the journey's), its features, its steps."""

    name: str
    features: tuple[Feature, ...]

    @property
    def steps(self) -> Sequence[PlanStep]:
        return self.features[0].plan.steps

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)


class Raise(NamedTuple):
    """What a person asks of a plan that runs from now on: its dials are at `dial` (hundredths) and go to
    where it stands `after`, which may be where they are.
    """

    dial: int
    after: PlanState


def plans_of(config: Config) -> list[NamedPlan]:
    """Every plan that is configured."""
    found: dict[str, list[Feature]] = {}
    for feature in config.features:
        if feature.plan.steps:
            found.setdefault(feature.plan.journey or feature.name, []).append(feature)
    return [NamedPlan(name, tuple(features)) for name, features in found.items()]


def plan_of(feature: Feature, config: Config) -> NamedPlan | None:
    """The plan that a feature climbs by; None without one."""
    return next((plan for plan in plans_of(config) if feature in plan.features), None)


def after_move(state: PlanState, move: Move, now: float) -> tuple[PlanState, str]:
    """How a plan stands after it has raised, paused or finished by itself, and why it did. What was approved
    before somebody took over is so no longer.
    """
    stands = format_percent(state.percent)
    if move.act is Act.RAISE:
        raised = PlanState(Phase.RUNNING, move.to, now, token=state.token)
        return raised, f"the plan goes on from {stands} % to {format_percent(move.to)} %: every guard passes"
    paused = move.act is Act.PAUSE
    why = move.reasons[0] if paused else ""
    phase = Phase.PAUSED if paused else Phase.DONE
    approved = state.approved and not paused
    after = PlanState(phase, state.percent, state.since, approved, why, state.token)
    return after, why or f"every guard passes at {stands} %, the last step"


def after_action(action: str, state: PlanState | None, actor: str, reason: str) -> PlanState | None:
    """How a plan stands after an action that moves no dial."""
    if state is None or action == "stop":
        return None
    if action == "pause":
        return PlanState(
            Phase.PAUSED, state.percent, state.since, state.approved, f"{actor}: {reason}", state.token
        )
    return PlanState(state.phase, state.percent, state.since, True, state.why, state.token)


def raised_by_hand(
    plan: NamedPlan,
    state: PlanState | None,
    standings: Sequence[Standing],
    action: str,
    *,
    alone: int,
    now: float,
    token: str,
) -> Raise:
    """What start, resume and skip come to. `alone`: the highest dial in hundredths that needs no second
    person; `now`: seconds since 1970; `token`: who asks. Raises `Refused`.
    """
    refuse_rolled_back(standings)
    dials = {one.dial for one in standings}
    if len(dials) > 1:
        where = ", ".join(f"{one.feature} at {format_percent(one.dial)} %" for one in standings)
        raise Refused(f"The features of a journey climb together: dial them alike first ({where}).")
    (dial,) = dials
    to = max(dial, plan.steps[0].percent)
    if action == "skip":
        following = step_after(plan.steps, dial)
        if following is None:
            raise Refused(f"The plan {plan.name} is at its last step.")
        to = following.percent
    if to > dial:
        _refuse_broken(plan, standings)
        if to > alone:
            raise Refused(
                f"A raise to {format_percent(to)} % needs a second person: let the plan take this step "
                "when somebody else has approved, or ask for it with `banyan dial`."
            )
    since = state.since if state and state.percent == to else now
    approved = state is not None and state.percent == to and state.approved
    return Raise(dial, PlanState(Phase.RUNNING, to, since, approved, token=token))


def refuse_rolled_back(standings: Sequence[Standing]) -> None:
    """Nothing of a plan goes on before somebody restores it. Raises `Refused`."""
    latched = [one.feature for one in standings if one.latched]
    if latched:
        raise Refused(f"{', '.join(latched)} is rolled back; restore it first.")


def _refuse_broken(plan: NamedPlan, standings: Sequence[Standing]) -> None:
    """A raise that a guard would take back at once is none."""
    for feature, one in zip(plan.features, standings, strict=True):
        if one.judgement.outcome is Outcome.FAIL and feature.guard.on_failure == "rollback":
            said = "; ".join(one.judgement.reasons)
            raise Refused(
                f"A guard of {one.feature} is broken: {said}. When that is mended, "
                f"`banyan plan renew {one.feature}` begins its evidence anew."
            )


def refuse_the_same_person(plan: NamedPlan, state: PlanState, token: str, alone: int) -> None:
    """A second person is one with another token than the one that has set the plan going; `alone` as in
    `raised_by_hand`. Raises `Refused`.
    """
    following = step_after(plan.steps, state.percent)
    if following and following.percent > alone and token == state.token:
        raise Refused(
            f"A second person has to approve, with another token than {token!r}, which has set it going."
        )


def change_of(
    plan: NamedPlan, was: PlanState | None, after: PlanState | None, now: float, dial: int | None = None
) -> Callable[[StoredState], StoredState]:
    """The change of a plan, if it still stands as it was when this was decided; to one that runs, only while
    nothing of it is rolled back. `dial`: where its dials must still be, in hundredths; None: anywhere.
    """

    def change(state: StoredState) -> StoredState:
        runs = after is not None and after.phase is Phase.RUNNING
        latched = state.everything_latched or not set(plan.names).isdisjoint(state.latched)
        moved = dial is not None and any(state.percents.get(name, 0) != dial for name in plan.names)
        if state.plans.get(plan.name) != was or (runs and latched) or moved:
            raise PlanMoved(f"The plan {plan.name} has changed meanwhile; look again.")
        return state.with_plan(plan.name, after, now)

    return change


def paused_by_guard(
    plan: NamedPlan | None, why: str, clock: Callable[[], float]
) -> Callable[[StoredState], StoredState]:
    """The change of a plan whose features are taken back: whatever it did, it is paused at 0 %."""

    def change(state: StoredState) -> StoredState:
        known = state.plans.get(plan.name) if plan else None
        if plan is None or known is None or known.phase not in (Phase.RUNNING, Phase.PAUSED):
            return state
        now = clock()
        return state.with_plan(plan.name, PlanState(Phase.PAUSED, 0, now, why=why, token=known.token), now)

    return change


def entries_of(
    plan: NamedPlan, action: str, was: PlanState | None, after: PlanState | None, reason: str, actor: str
) -> list[Entry]:
    """What the ledger keeps of a change that moves no dial, an entry for each feature."""
    named = None if plan.names == (plan.name,) else {"journey": plan.name}
    return [Entry(actor, action, name, _short(was), _short(after), reason, named) for name in plan.names]


def weighed(standings: Sequence[Standing]) -> dict[str, Any]:
    """What the ledger keeps of the evidence behind a raise."""
    return {one.feature: evidence_of(one.judgement) for one in standings}


def _short(state: PlanState | None) -> str:
    return f"{state.phase.value} at {format_percent(state.percent)} %" if state else "not started"
