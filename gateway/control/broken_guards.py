"""What follows by itself from a guard that is proven broken: its feature is taken back at once, with its
whole journey. First the latch, which needs no disk, then the dial to 0. Alerts follow the ledger. Raises
no dial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from flags import BY_GUARD, Entry, FlagSnapshot, Judgement, Outcome, StoredState
from gateway.control.aside import RETRY, Aside
from gateway.control.errors import ControlError
from gateway.control.judging import evidence_of
from gateway.control.plan_log import log_moved
from gateway.control.plan_standings import Grounds, PlanStandings
from gateway.control.plans import NamedPlan, paused_by_guard, plan_of
from gateway.control.switch import Switch

if TYPE_CHECKING:
    from gateway.config import Config, Feature

__all__ = ["BrokenGuards"]

_LONGEST: Final = 2000


class BrokenGuards:
    """`acting`: held by whoever moves a plan; `aside`: what nobody waits for."""

    def __init__(
        self, standings: PlanStandings, switch: Switch, *, acting: asyncio.Lock, aside: Aside
    ) -> None:
        self._standings = standings
        self._switch = switch
        self._acting = acting
        self._aside = aside
        self._noted: set[str] = set()
        self._grounds: dict[str, Grounds] = {}  # by which nothing was broken
        self._not_lowered: dict[str, str] = {}

    async def look(self, config: Config, snapshot: FlagSnapshot) -> None:
        """Take over what became of dials and latches, weigh what has changed, take back what is broken."""
        for feature in config.features:
            if self._grounds.get(feature.name) == self._standings.grounds(feature, snapshot):
                continue  # and nothing is broken
            self._standings.look(feature, snapshot)
            grounds = self._standings.grounds(feature, snapshot)
            said = await self._standings.judged(feature, snapshot)
            if said.outcome is not Outcome.FAIL:
                self._noted.discard(feature.name)
                self._grounds[feature.name] = grounds
            elif snapshot.feature(feature.name).percent and not snapshot.latched(feature.name):
                self._broke(feature, said)

    def trouble(self, name: str) -> tuple[str, ...]:
        """Why the dials of a plan of that name are not at 0 yet, though it is rolled back."""
        return (self._not_lowered[name],) if name in self._not_lowered else ()

    def _broke(self, feature: Feature, said: Judgement) -> None:
        if feature.guard.on_failure == "rollback":
            plan = plan_of(feature, self._standings.config())
            name = plan.name if plan else feature.name
            self._aside.do(f"take back {name}", self._take_back(feature, plan, said))
        elif feature.name not in self._noted:
            self._noted.add(feature.name)
            reason = f"a guard is broken: {'; '.join(said.reasons)}"[:_LONGEST]
            entry = Entry(BY_GUARD, "guard_broken", feature.name, reason=reason, evidence=evidence_of(said))
            log_moved("guard_broken", (feature.name,), reason)
            self._aside.do(f"note {feature.name}", self._note(entry))

    async def _note(self, entry: Entry) -> None:
        with suppress(ControlError):  # it is in the log, and in every status
            await self._switch.note(_as_it_is, entry)

    async def _take_back(self, feature: Feature, plan: NamedPlan | None, said: Judgement) -> None:
        snapshot = self._standings.snapshot()
        together = [
            name
            for name in (plan.names if plan else (feature.name,))
            if snapshot.feature(name).percent and not snapshot.latched(name)
        ]
        if not together:
            return
        evidence = evidence_of(said)
        reason = f"a guard of {feature.name} is broken: {'; '.join(said.reasons)}"[:_LONGEST]
        await asyncio.gather(
            *(
                self._switch.rollback(name, reason=reason, actor=BY_GUARD, evidence=evidence)
                for name in together
            )
        )
        log_moved("taken_back", tuple(together), reason)
        self._aside.do(f"lower {feature.name}", self._lower(together, plan, reason, evidence))

    async def _lower(
        self, features: Sequence[str], plan: NamedPlan | None, reason: str, evidence: Any
    ) -> None:
        """The dial of what was taken back: to 0, so that a restore moves nobody by itself. Behind a raise
        that is under way, which another source may be told of only now; what that raised goes down too, and
        so does what a person has rolled back of the journey. What cannot be done now is tried again in a
        while, for as long as it is rolled back.
        """
        name, left, words = plan.name if plan else features[0], list(features), ""
        while left:
            try:
                async with self._acting:
                    snapshot = self._standings.snapshot()
                    others = [
                        one
                        for one in (plan.names if plan else ())
                        if one not in features
                        and (snapshot.feature(one).percent or not snapshot.latched(one))
                    ]
                    await self._switch.together(
                        [*left, *others],
                        0,
                        reason=reason,
                        actor=BY_GUARD,
                        evidence=evidence,
                        also=paused_by_guard(plan, reason, self._standings.clock),
                    )
                break
            except ControlError as error:
                said, words = words, f"rolled back, and its dial stays where it is for now: {error}"
                self._not_lowered[name] = words
                if said != words:
                    log_moved("not_lowered", tuple(left), words)
            await asyncio.sleep(RETRY)
            snapshot = self._standings.snapshot()
            left = [one for one in left if snapshot.feature(one).latched and snapshot.feature(one).percent]
        self._not_lowered.pop(name, None)


def _as_it_is(state: StoredState) -> StoredState:
    return state
