"""The desk of the plans: what a person may do with one, and the freeze of all raises. What goes on by itself
is put together here, and done by `plan_steps` and `broken_guards`. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from flags import Entry, FlagSnapshot, Phase, PlanState
from gateway.control.answers import PlanView
from gateway.control.aside import Aside
from gateway.control.broken_guards import BrokenGuards
from gateway.control.errors import Invalid, Refused
from gateway.control.evidence_book import EvidenceBook
from gateway.control.judging import JudgeDesk
from gateway.control.plan_standings import PlanStandings
from gateway.control.plan_steps import PlanSteps
from gateway.control.plan_views import PlanViews
from gateway.control.plans import (
    PLAN_ACTIONS,
    NamedPlan,
    after_action,
    change_of,
    entries_of,
    raised_by_hand,
    refuse_rolled_back,
    refuse_the_same_person,
    weighed,
)
from gateway.control.switch import Switch

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["PlanDesk"]

_RAISING: Final = ("start", "resume", "skip")


class PlanDesk:
    """`config` and `snapshot` say what is in force; `clock`: seconds since 1970. `views`: how the plans
    stand.
    """

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        snapshot: Callable[[], FlagSnapshot],
        switch: Switch,
        book: EvidenceBook,
        judge: JudgeDesk,
        clock: Callable[[], float],
    ) -> None:
        self._switch = switch
        self._standings = PlanStandings(
            config=config, snapshot=snapshot, accord=switch.accord, book=book, judge=judge, clock=clock
        )
        self._acting, aside = asyncio.Lock(), Aside()
        self._guards = BrokenGuards(self._standings, switch, acting=self._acting, aside=aside)
        self._steps = PlanSteps(self._standings, switch, acting=self._acting, aside=aside)
        self.views = PlanViews(
            self._standings, lambda name: (*self._steps.trouble(name), *self._guards.trouble(name))
        )

    # --- by itself --------------------------------------------------------------------------------

    async def look(self) -> None:
        """What goes on by itself: what is broken is taken back, what passes climbs."""
        config, snapshot = self._standings.config(), self._standings.snapshot()
        await self._guards.look(config, snapshot)
        self._steps.look(config, snapshot)

    async def rolled_back(self, feature: str | None) -> None:
        """Before a restore: every plan of what is rolled back (None: of everything) is paused, also where
        nobody has looked since. Raises `Unavailable`; then it may still run.
        """
        await self._steps.pause_rolled_back(feature)

    # --- by a person ------------------------------------------------------------------------------

    async def act(self, name: str, action: str, *, reason: str, actor: str, token: str = "") -> PlanView:
        """One of `PLAN_ACTIONS` on the plan of a feature or a journey. `token`: the name of the one that
        vouches for the actor.

        Raises:
            NoSuchPlan: with the names there are.
            Refused: where this cannot be done with a plan that stands so.
            Unavailable: when it cannot be written down; then nothing was changed.
        """
        plan = self._standings.find(name)
        _check(reason)
        async with self._acting:
            state = self._standings.state(plan)
            phase = state.phase if state else None
            if phase is Phase.RUNNING and action in _RAISING:  # it is about to be paused
                refuse_rolled_back(self._standings.of(plan, self._standings.snapshot()))
            if phase not in PLAN_ACTIONS[action]:
                stands = phase.value if phase else "not started"
                raise Refused(f"The plan {plan.name} is {stands}, so there is nothing to {action}.")
            if action in _RAISING:
                await self._raise(plan, state, action, reason, actor, token)
            else:
                if action == "approve" and state is not None:
                    refuse_the_same_person(plan, state, token, self._standings.alone)
                after = after_action(action, state, actor, reason)
                await self._write(plan, action, state, after, reason, actor)
        return self.views.one(plan.name)

    async def renew(self, feature: str, *, reason: str, actor: str) -> None:
        """Begin the evidence of a feature anew: what was seen so far counts no more."""
        _check(reason)
        await self._switch.renew(feature, Entry(actor, "evidence_renewed", feature, reason=reason))
        self._standings.begin(feature)

    async def freeze(self, why: str, *, actor: str) -> None:
        """No dial is raised from now on, by nobody."""
        _check(why)
        entry = Entry(actor, "freeze", old="", new="frozen", reason=why)
        await self._switch.freeze(entry, self._standings.clock())

    async def thaw(self, why: str, *, actor: str) -> None:
        """Dials may be raised again."""
        _check(why)
        entry = Entry(actor, "thaw", old="frozen", new="", reason=why)
        await self._switch.thaw(entry, self._standings.clock())

    async def _raise(
        self, plan: NamedPlan, state: PlanState | None, action: str, reason: str, actor: str, token: str
    ) -> None:
        standings = self._standings.of(plan, self._standings.snapshot())
        alone, now = self._standings.alone, self._standings.clock()
        dial, after = raised_by_hand(plan, state, standings, action, alone=alone, now=now, token=token)
        if after.percent == dial:
            await self._write(plan, action, state, after, reason, actor)
            return
        await self._switch.together(
            plan.names,
            after.percent,
            reason=reason,
            actor=actor,
            evidence={"plan": action, **weighed(standings)},
            also=change_of(plan, state, after, now, dial),
        )

    async def _write(
        self,
        plan: NamedPlan,
        action: str,
        was: PlanState | None,
        after: PlanState | None,
        reason: str,
        actor: str,
    ) -> None:
        entries = entries_of(plan, f"plan_{action}", was, after, reason, actor)
        await self._switch.note(change_of(plan, was, after, self._standings.clock()), *entries)


def _check(reason: str) -> None:
    if not reason.strip():
        raise Invalid("reason", "a reason, for whoever reads the ledger later")
