"""Which side honours ``Banyan-Shadow``: only such a side is ever sent the copy of a write. Asked, never
assumed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.core.decision import Side
from gateway.shadowing.copy import CopySender
from shadow import Observation, RequestSnapshot

PROBE = RequestSnapshot("GET", "/", (), b"")
PROBE_DEADLINE = 5.0
RENEW = 30.0
RETRY = 1.0
_FIELD = b"banyan-shadow"
_HONOURED = b"honoured"


def honours(observation: Observation) -> bool:
    """Whether an answer says that the request had no effect on anybody."""
    return any(name.lower() == _FIELD and value.strip() == _HONOURED for name, value in observation.headers)


class Trust:
    """What is known of each side. A side is asked again every 30 s, and loses its trust with one answer
    that lacks the word."""

    def __init__(self, senders: Mapping[Side, CopySender], hosts: Mapping[Side, bytes]) -> None:
        self._senders = senders
        self._hosts = hosts
        self._asked: dict[Side, float] = {}
        self._honours: dict[Side, bool] = {}
        self._asking: dict[Side, asyncio.Task[bool]] = {}

    async def allows_write(self, side: Side) -> bool:
        """Whether the copy of a write may be sent to ``side``."""
        now = asyncio.get_running_loop().time()
        asked = self._asked.get(side)
        wait = RENEW if self._honours.get(side) else RETRY
        if asked is None or now - asked > wait:
            return await self._ask(side)
        return self._honours[side]

    def note(self, side: Side, observation: Observation) -> bool:
        """Look at an answer to a write: without the word, no further write is sent until a probe has
        found it again, and nobody knows what it did."""
        if observation.error or honours(observation):
            return True
        self._honours[side] = False
        return False

    async def _ask(self, side: Side) -> bool:
        task = self._asking.get(side)
        if task is None:
            task = self._asking[side] = asyncio.get_running_loop().create_task(self._probe(side))
        return await asyncio.shield(task)

    async def _probe(self, side: Side) -> bool:
        try:
            answer = await self._senders[side].send(PROBE, self._hosts[side], PROBE_DEADLINE)
            self._honours[side] = honours(answer)
            self._asked[side] = asyncio.get_running_loop().time()
            return self._honours[side]
        finally:
            del self._asking[side]
