"""Whether all workers have said what they know of the sessions so far. Knows no exchange.

A worker's words come in order, but those of two workers come in any: a read may be here before the write that
it overlapped with is known, however fast that was told. So before an exchange is called a mismatch, every
worker is asked one question, and whatever it had to say before it answers is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

Then = Callable[[bool], None]
PATIENCE = 2.0
"""Seconds that a worker gets to answer."""


class Worker(Protocol):
    """A worker's connection: `Intake`."""

    @property
    def pid(self) -> int: ...

    def ask(self, question: int) -> None: ...


class Hearing:
    """``connected``: those that are. ``serving``: the workers that may serve requests, connected or not, as
    their processes; None when nobody knows. All who ask while a question is open share the next one.
    """

    def __init__(
        self,
        connected: Collection[Worker],
        serving: Callable[[], Collection[int] | None],
        patience: float = PATIENCE,
    ) -> None:
        self._connected = connected
        self._serving = serving
        self._patience = patience
        self._question = 0
        self._missing: set[int] = set()
        self._asked: set[int] = set()
        self._now: list[Then] = []
        self._next: list[Then] = []
        self._timer: asyncio.TimerHandle | None = None

    def after_all(self, then: Then) -> None:
        """Call ``then(True)`` once all workers have said what they know now, ``then(False)`` when one of them
        does not answer; with a single worker at once, since its words are in order.
        """
        self._next.append(then)
        if self._timer is None:
            self._begin()

    def answered(self, worker: Worker, question: int) -> None:
        """A worker has given its answer."""
        if question == self._question:
            self._missing.discard(worker.pid)
            self._look()

    def look(self) -> None:
        """A worker may have come or gone."""
        if self._timer is not None:
            self._missing &= self._workers()
            self._ask()
            self._look()

    def _workers(self) -> set[int]:
        serving = self._serving()
        return {worker.pid for worker in self._connected} if serving is None else set(serving)

    def _begin(self) -> None:
        serving = self._workers()
        waiting, self._next = self._next, []
        if len(serving) <= 1:
            for then in waiting:
                then(True)
            return
        self._question += 1
        self._now, self._missing, self._asked = waiting, serving, set()
        self._timer = asyncio.get_running_loop().call_later(self._patience, self._end, False)
        self._ask()

    def _ask(self) -> None:
        for worker in self._connected:
            if worker.pid in self._missing and worker.pid not in self._asked:
                self._asked.add(worker.pid)
                worker.ask(self._question)

    def _look(self) -> None:
        if self._timer is not None and not self._missing:
            self._end(True)

    def _end(self, complete: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        waiting, self._now = self._now, []
        for then in waiting:
            then(complete)
        if self._next and self._timer is None:
            self._begin()
