"""Which side honours ``Banyan-Shadow``: only such a side is ever sent the copy of a write. Asked, never
assumed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from gateway.core.decision import Side
from gateway.shadowing.copy import CopySender
from shadow import Observation, RequestSnapshot

PROBE = RequestSnapshot("GET", "/", (), b"")
PROBE_DEADLINE = 5.0
RENEW = 30.0
RETRY = 1.0
LONGEST_RETRY = 3600.0
_SERVER_ERROR = 500
_FIELD = b"banyan-shadow"
_HONOURED = b"honoured"

_log = logging.getLogger("banyan.shadow")

Answer = Callable[[bool], None]


def honours(observation: Observation) -> bool:
    """Whether an answer says that the request had no effect on anybody."""
    return any(name.lower() == _FIELD and value.strip() == _HONOURED for name, value in observation.headers)


class Trust:
    """What is known of each side. A side is asked again every 30 s, and loses its trust with one answer
    that lacks the word.

    The probe says nothing of a route that is not isolated. So where a *write* was answered without the word
    the side gets no further one until the configuration is loaded again (which starts this process anew). A
    failure of the server (5xx) may come from a place that does not know the word: after one the next probe
    waits, twice as long after each in a row.
    """

    def __init__(self, senders: Mapping[Side, CopySender], hosts: Mapping[Side, bytes]) -> None:
        self._senders = senders
        self._hosts = hosts
        self._loop = asyncio.get_running_loop()
        self._asked: dict[Side, float] = {}
        self._honours: dict[Side, bool] = {}
        self._waiting: dict[Side, list[Answer]] = {}
        self._refused: set[Side] = set()
        self._retry: dict[Side, float] = {}

    def allows_write(self, side: Side, answer: Answer) -> None:
        """Call ``answer`` with whether the copy of a write may be sent to ``side``: at once, or when the side
        has been asked.
        """
        if side in self._refused:
            answer(False)
            return
        asked = self._asked.get(side)
        wait = RENEW if self._honours.get(side) else self._retry.get(side, RETRY)
        if asked is not None and self._loop.time() - asked <= wait:
            answer(self._honours[side])
            return
        waiting = self._waiting.get(side)
        if waiting is not None:
            waiting.append(answer)
            return
        self._waiting[side] = [answer]
        self._senders[side].send(
            PROBE, self._hosts[side], PROBE_DEADLINE, lambda observation: self._told(side, observation)
        )

    def note(self, side: Side, observation: Observation) -> bool:
        """Look at an answer to a write: without the word nobody knows what it did, and False is returned."""
        if observation.error:
            return True
        if honours(observation):
            self._retry.pop(side, None)
            return True
        self._honours[side] = False
        if observation.status >= _SERVER_ERROR:
            self._asked[side] = self._loop.time()
            self._retry[side] = min(2 * self._retry.get(side, RETRY / 2), LONGEST_RETRY)
        elif side not in self._refused:
            self._refused.add(side)
            _log.error(
                "%s answered the copy of a write with %d and without Banyan-Shadow: honoured, so it may have "
                "taken effect; no further write is copied to it until the configuration is loaded again",
                side,
                observation.status,
            )
        return False

    def _told(self, side: Side, observation: Observation) -> None:
        self._honours[side] = honours(observation)
        self._asked[side] = self._loop.time()
        for answer in self._waiting.pop(side, []):
            answer(self._honours[side])
