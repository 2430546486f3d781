"""How the plans stand: dials, latches, evidence and the judge's word of their features, and what
`flags.consider` makes of them. Moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from flags import FeatureState, FlagSnapshot, Judgement, Move, PlanState, Standing, consider
from gateway.control.accord import Accord, Where
from gateway.control.errors import NoSuchPlan
from gateway.control.evidence_book import EvidenceBook
from gateway.control.judging import JudgeDesk
from gateway.control.plans import NamedPlan, plans_of

if TYPE_CHECKING:
    from gateway.config import Config, Feature

__all__ = ["Grounds", "PlanStandings"]

_SLOW_SOURCE: Final = 10.0


class Grounds(NamedTuple):
    """All that the judge's word of a feature depends on. `changes` differs when the evidence does."""

    feature: Feature
    state: FeatureState
    latched: bool
    where: Where | None
    changes: int


class PlanStandings:
    """`config` and `snapshot` say what is in force; `clock`: seconds since 1970."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        snapshot: Callable[[], FlagSnapshot],
        accord: Accord,
        book: EvidenceBook,
        judge: JudgeDesk,
        clock: Callable[[], float],
    ) -> None:
        self.config = config
        self.snapshot = snapshot
        self.accord = accord
        self.clock = clock
        self._book = book
        self._judge = judge

    @property
    def alone(self) -> int:
        """The highest dial, in hundredths, that needs no second person."""
        return self.config().admin.second_person_above

    def find(self, name: str) -> NamedPlan:
        """The plan of a feature or a journey. Raises `NoSuchPlan`, with the names there are."""
        plans = plans_of(self.config())
        for plan in plans:
            if name in (plan.name, *plan.names):
                return plan
        raise NoSuchPlan(name, tuple(plan.name for plan in plans))

    def state(self, plan: NamedPlan) -> PlanState | None:
        """How it was left; None: not started."""
        return self.accord.plans().get(plan.name)

    def considered(
        self, plan: NamedPlan, state: PlanState, snapshot: FlagSnapshot
    ) -> tuple[tuple[Standing, ...], Move]:
        """How its features stand, and what is to be done with it now."""
        standings = self.of(plan, snapshot)
        now, blind, frozen = self.clock(), self.accord.blind(), self.accord.frozen()
        return standings, consider(
            plan.steps, state, standings, frozen, now, self.alone, blind, self._settles
        )

    def of(self, plan: NamedPlan, snapshot: FlagSnapshot) -> tuple[Standing, ...]:
        """How each of its features stands."""
        return tuple(self._standing(feature, snapshot) for feature in plan.features)

    def look(self, feature: Feature, snapshot: FlagSnapshot) -> None:
        """Take over what became of a feature's dial and latch: its evidence may begin anew."""
        percent = snapshot.feature(feature.name).percent
        self._book.look(
            feature.name,
            percent,
            latched=snapshot.latched(feature.name),
            window=feature.guard.window,
            where=self.accord.where(feature.name, percent),
        )

    def grounds(self, feature: Feature, snapshot: FlagSnapshot) -> Grounds:
        """What the judge would go by now. Quick: it is asked of every feature, several times a second."""
        name, state = feature.name, snapshot.feature(feature.name)
        latched, where = snapshot.latched(name), self.accord.where(name, state.percent)
        return Grounds(feature, state, latched, where, self._book.changes(name))

    async def judged(self, feature: Feature, snapshot: FlagSnapshot) -> Judgement:
        """What the judge says of it now; what there is to weigh is weighed beside this loop."""
        return await self._judge.judgement_aside(feature, snapshot)

    def begin(self, name: str) -> None:
        """Begin a feature's evidence anew, which is written down already."""
        if self.accord.where(name, 0) is None:
            self._book.begin(name)
            return
        snapshot = self.snapshot()  # as the other machines do: because it has another name
        for feature in self.config().features:
            if feature.name == name:
                self.look(feature, snapshot)

    @property
    def _settles(self) -> float:
        """Each machine asks another source in its own time, and may hear of a step later than of the plan."""
        flags = self.config().flags
        return 2 * flags.unleash.refresh + _SLOW_SOURCE if flags.source == "unleash" else 0.0

    def _standing(self, feature: Feature, snapshot: FlagSnapshot) -> Standing:
        self.look(feature, snapshot)
        dial = snapshot.feature(feature.name).percent
        seen = self._book.seen(feature.name)
        samples = seen.asked if dial else seen.compared
        judgement = self._judge.judgement(feature, snapshot)
        return Standing(feature.name, dial, snapshot.latched(feature.name), samples, judgement)
