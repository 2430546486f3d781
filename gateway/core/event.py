"""What is told after a request: frozen records for the sinks. Knows nothing of who listens."""

from __future__ import annotations

from typing import NamedTuple

from gateway.core.breaker import Phase
from gateway.core.decision import Cause, Side


class RequestFinished(NamedTuple):
    """A client got its answer. ``status`` 0 when it left before; ``seconds`` from the head to the last
    byte."""

    feature: str
    side: Side
    cause: Cause
    status: int
    seconds: float


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
