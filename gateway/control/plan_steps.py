"""What a running plan does by itself: the next step when every guard passes, a pause when somebody has taken
over, the end behind the last step. Decides by `flags.consider`; only a passed guard raises.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from flags import BY_PLAN, Act, FlagSnapshot, Phase
from gateway.control.aside import RETRY, Aside
from gateway.control.errors import ControlError, Refused
from gateway.control.plan_log import log_moved
from gateway.control.plan_standings import PlanStandings
from gateway.control.plans import NamedPlan, after_move, change_of, entries_of, plans_of, weighed
from gateway.control.switch import Switch

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["PlanSteps"]

_LOG = logging.getLogger("banyan.control")
_WITHOUT_A_DIAL: Final = {Act.PAUSE: ("plan_pause", "plan_paused"), Act.FINISH: ("plan_done", "plan_done")}
"""What moves no dial: its name in the ledger, and in the log."""


class PlanSteps:
    """`acting`: held by whoever moves a plan; `aside`: what nobody waits for."""

    def __init__(
        self, standings: PlanStandings, switch: Switch, *, acting: asyncio.Lock, aside: Aside
    ) -> None:
        self._standings = standings
        self._switch = switch
        self._acting = acting
        self._aside = aside
        self._trouble: dict[str, tuple[str, float]] = {}

    def look(self, config: Config, snapshot: FlagSnapshot) -> None:
        """See to every plan that runs."""
        for plan in plans_of(config):
            state = self._standings.state(plan)
            if state is None or state.phase is not Phase.RUNNING:
                continue
            if self._standings.considered(plan, state, snapshot)[1].act is not Act.STAY:
                self._aside.do(plan.name, self._try_to_go_on(plan))

    async def pause_rolled_back(self, feature: str | None) -> None:
        """Every running plan of what is rolled back (None: of everything), also where nobody has looked
        since. Raises `Unavailable`; then it may still run.
        """
        for plan in plans_of(self._standings.config()):
            state = self._standings.state(plan)
            if state is None or state.phase is not Phase.RUNNING or feature not in (None, *plan.names):
                continue
            move = self._standings.considered(plan, state, self._standings.snapshot())[1]
            if move.act is Act.PAUSE:
                with suppress(Refused):  # somebody else has just done it
                    async with self._acting:
                        await self._go_on(plan)

    def trouble(self, name: str) -> tuple[str, ...]:
        """Why a plan of that name could not go on when it should have."""
        found = self._trouble.get(name)
        return () if found is None else (found[0],)

    async def _try_to_go_on(self, plan: NamedPlan) -> None:
        """What cannot be done now, because of a disk or a source, is tried again in a while."""
        now = self._standings.clock()
        said, again = self._trouble.get(plan.name, ("", 0.0))
        if abs(again - now) < RETRY and now < again:
            return
        try:
            async with self._acting, self._standings.accord.turn(plan.name) as ours:
                if ours:  # another machine does it otherwise
                    await self._go_on(plan)
            self._trouble.pop(plan.name, None)
        except ControlError as error:
            self._trouble[plan.name] = (str(error), now + RETRY)
            if said != str(error):
                _LOG.warning("the plan %s cannot go on: %s", plan.name, error)

    async def _go_on(self, plan: NamedPlan) -> None:
        state = self._standings.state(plan)
        if state is None:
            return
        standings, move = self._standings.considered(plan, state, self._standings.snapshot())
        if move.act is Act.STAY:
            return
        now = self._standings.clock()
        after, reason = after_move(state, move, now)
        if move.act is Act.RAISE:
            await self._switch.together(
                plan.names,
                move.to,
                reason=reason,
                actor=BY_PLAN,
                evidence=weighed(standings),
                also=change_of(plan, state, after, now, state.percent),
            )
            log_moved("raised", plan.names, reason, logging.INFO)
        else:
            action, event = _WITHOUT_A_DIAL[move.act]
            entries = entries_of(plan, action, state, after, reason, BY_PLAN)
            await self._switch.note(change_of(plan, state, after, now), *entries)
            log_moved(event, plan.names, reason, logging.INFO)
