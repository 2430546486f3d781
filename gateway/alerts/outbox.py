"""What is still to be delivered on one channel: bounded, tried again with growing pauses, counted. It must
not know what an alert is about.

In order, but for one that is refused again and again: it may be the only one that the receiver does not take,
so after a few tries the ones behind it have their turn first, and it waits for its own time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.alerts.channels import Channel
from gateway.alerts.events import Alert

__all__ = ["Outbox"]

ROOM: Final = 200
TRIES: Final = 40
"""With pauses of up to five minutes: about three hours."""
_IN_ORDER: Final = 5
"""Tries for which those behind wait: about half a minute."""
_LONGEST_PAUSE: Final = 300.0
_LOG = logging.getLogger("banyan.alerts")


class _Waiting:
    """One alert: how often it was tried, and when (of the event loop's clock) it may be again."""

    def __init__(self, alert: Alert, done: Callable[[], None], pause: float) -> None:
        self.alert = alert
        self.done = done
        self.tries = 0
        self.problem = ""
        self.due = 0.0
        self._pause = pause

    def put_off(self, problem: str, now: float) -> None:
        """It was not taken, and why."""
        self.problem = problem
        self.tries += 1
        self.due = now + self._pause * random.uniform(0.8, 1.2)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


class Outbox:
    """`counts`: by outcome: `sent`, `failed` (one try), `dropped` (given up, or no room). `first_pause`:
    seconds before the second try; it doubles from there.
    """

    def __init__(self, channel: Channel, first_pause: float = 1.0) -> None:
        self.channel = channel
        self.counts = {"sent": 0, "failed": 0, "dropped": 0}
        self._first_pause = first_pause
        self._waiting: deque[_Waiting] = deque()
        self._news = asyncio.Event()

    def put(self, alert: Alert, done: Callable[[], None]) -> None:
        """Deliver it when its turn comes; `done` is called when it was, or was given up. Never waits: of too
        many the oldest goes.
        """
        if len(self._waiting) >= ROOM:
            self._drop(self._waiting.popleft(), "there was no room for more")
        self._waiting.append(_Waiting(alert, done, self._first_pause))
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many are on their way."""
        return len(self._waiting)

    @property
    def problem(self) -> str:
        """Why the first of those that wait for another try was not taken; "" when none does."""
        return next((one.problem for one in self._waiting if one.problem), "")

    async def run(self) -> None:
        """Deliver, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            one = self._next()
            if one and one.due <= loop.time():
                await self._deliver(one)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(one.due if one else None):
                    await self._news.wait()

    def _next(self) -> _Waiting | None:
        """The first that was not tried often yet, else the one whose time comes soonest."""
        fresh = (one for one in self._waiting if one.tries < _IN_ORDER)
        return next(fresh, None) or min(self._waiting, key=lambda one: one.due, default=None)

    async def _deliver(self, one: _Waiting) -> None:
        problem = await self.channel.deliver(one.alert)
        if not problem:
            self.counts["sent"] += 1
            self._settle(one)
            return
        self.counts["failed"] += 1
        _LOG.error("an alert was not delivered by %s: %s", self.channel.name, problem)
        one.put_off(problem, asyncio.get_running_loop().time())
        if one.tries >= TRIES and one in self._waiting:
            self._waiting.remove(one)
            self._drop(one, f"{TRIES} tries failed")

    def _settle(self, one: _Waiting) -> None:
        if one in self._waiting:  # else it was dropped meanwhile, and that was told
            self._waiting.remove(one)
            one.done()

    def _drop(self, one: _Waiting, why: str) -> None:
        self.counts["dropped"] += 1
        _LOG.error("an alert was given up on %s, %s: %s", self.channel.name, why, one.alert.text)
        one.done()
