"""What is told after a request: frozen records for the sinks. Knows nothing of who listens."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.core.breaker import Phase
from gateway.core.decision import Cause, Side


class RequestFinished(msgspec.Struct, frozen=True, gc=False):
    """A client got its answer. ``status`` 0 when it left before; ``seconds`` from the head to the last byte.
    ``fell_back``: the new side was asked first, and failed. ``key``: the sticky key. ``share``: the chance in
    hundredths with which the dial puts a key on the new side; 0 where something else than chance decided.
    ``cut``: the application broke its answer off after the head, so ``status`` only looks like success.
    """

    feature: str
    side: Side
    cause: Cause
    status: int
    seconds: float
    fell_back: bool = False
    key: str = ""
    share: int = 0
    cut: bool = False


class FellBack(NamedTuple):
    """The new side failed and legacy was asked."""

    feature: str
    reason: str


class GatewayAnswered(NamedTuple):
    """The gateway itself answered with an error."""

    reason: str


class BreakerMoved(NamedTuple):
    """A breaker opened or closed in this worker."""

    feature: str
    phase: Phase
