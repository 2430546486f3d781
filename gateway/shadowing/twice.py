"""The control asked twice: on a sample of safe requests it gets the same request again, and what differs
between its own two answers is noise."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from gateway.capture import CapturedExchange
from gateway.core.decision import Side
from gateway.shadowing.copy import CopySender
from shadow import Observation, RequestSnapshot, host_of, unframed

_FULL = 10_000
Answered = Callable[[Observation], None]
CONTROL = Side.LEGACY


class ControlTwice:
    """``percent`` of the safe requests, in hundredths."""

    def __init__(self, senders: Mapping[Side, CopySender], percent: int, chance: random.Random) -> None:
        self._senders = senders
        self._percent = percent
        self._chance = chance

    def wants(self, exchange: CapturedExchange) -> bool:
        """Whether this one is in the sample."""
        if exchange.request.method not in ("GET", "HEAD") or exchange.request.body_cut:
            return False
        return self._chance.random() * _FULL < self._percent

    def goes_first(self) -> bool:
        """Whether the control is asked again before the other side is: at random, so that the order explains
        nothing."""
        return self._chance.random() < 0.5

    def ask(
        self, exchange: CapturedExchange, copy: RequestSnapshot, deadline: float, answered: Answered
    ) -> None:
        """Call ``answered`` with the control's second answer: to a primary's request as the client sent it,
        to a copy as the copy was.
        """
        request = unframed(exchange.request) if exchange.answer.side == CONTROL else copy
        self._senders[CONTROL].send(request, host_of(exchange.request), deadline, answered, exchange.added)
