"""How the plans stand, as an answer and in words. Asks, and moves nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flags import Act, FlagSnapshot, Move, plan_words, step_after
from gateway.control.answers import PlanStepView, PlanView, percent_number
from gateway.control.plan_standings import PlanStandings
from gateway.control.plans import NamedPlan, plans_of
from gateway.control.samples import moment

__all__ = ["PlanViews"]


class PlanViews:
    """`trouble`: what could not be done with a plan of that name, a sentence each."""

    def __init__(self, standings: PlanStandings, trouble: Callable[[str], tuple[str, ...]]) -> None:
        self._standings = standings
        self._trouble = trouble

    def frozen(self) -> str:
        """Why no dial may be raised; "" when it may."""
        return self._standings.accord.frozen()

    def all(self) -> tuple[PlanView, ...]:
        """Every plan that is configured."""
        snapshot = self._standings.snapshot()
        return tuple(self._view(plan, snapshot) for plan in plans_of(self._standings.config()))

    def one(self, name: str) -> PlanView:
        """The plan of a feature or a journey. Raises `NoSuchPlan`."""
        return self._view(self._standings.find(name), self._standings.snapshot())

    def words(self) -> Mapping[str, str]:
        """How each feature's plan stands, for people."""
        return {name: view.words for view in self.all() for name in view.features}

    def _view(self, plan: NamedPlan, snapshot: FlagSnapshot) -> PlanView:
        state = self._standings.state(plan)
        move = self._standings.considered(plan, state, snapshot)[1] if state else Move(Act.STAY)
        move = move._replace(reasons=(*move.reasons, *self._trouble(plan.name)))
        at = state.percent if state else snapshot.feature(plan.names[0]).percent
        following = step_after(plan.steps, at)
        return PlanView(
            name=plan.name,
            features=plan.names,
            phase=state.phase.value if state else "not_started",
            percent=percent_number(at),
            next=percent_number(following.percent) if following else None,
            since=moment(state.since) if state else None,
            approved=state.approved if state else False,
            held=move.reasons,
            words=plan_words(plan.steps, state, move),
            frozen=self.frozen(),
            steps=tuple(
                PlanStepView(percent_number(step.percent), step.hold, step.samples, step.person)
                for step in plan.steps
            ),
        )
