"""Capture as the request path uses it: plan when the side is known, offer when the answer has ended.
Never raises.

For every feature, at any time: eligible = not sampled + the sum over all verdicts + in flight. All of it is
counted here, by this one process: a shadow process says what it concluded, and what it leaves open when it
dies was dropped.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from flags import FULL
from gateway.capture.channel import ExchangeChannel
from gateway.capture.exchange import CapturedExchange, SessionGap, encode
from gateway.capture.plan import CapturePlan, FeatureCapture, is_eligible, is_sampled
from gateway.core.decision import Side
from gateway.core.message import SAFE_METHODS
from gateway.core.route import Route
from shadow import Observation, RequestSnapshot, Verdict

_log = logging.getLogger("banyan.capture")


class CaptureCounts:
    """``outcomes``: (feature, eligible | not_sampled | sent | dropped); ``verdicts``: (feature, verdict)."""

    __slots__ = ("outcomes", "verdicts")

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.verdicts: Counter[tuple[str, str]] = Counter()

    def settled(self, feature: str, verdict: str, times: int) -> None:
        """Exchanges came to a verdict."""
        self.verdicts[feature, verdict] += times

    def in_flight(self) -> dict[str, int]:
        """By feature: eligible exchanges that have come to no verdict yet."""
        left: Counter[str] = Counter()
        for (feature, outcome), times in self.outcomes.items():
            if outcome in ("eligible", "not_sampled"):
                left[feature] += times if outcome == "eligible" else -times
        for (feature, _), times in self.verdicts.items():
            left[feature] -= times
        return dict(left)


class Capture:
    """Hands exchanges over to the shadow processes, each session to one of them."""

    __slots__ = ("_channels", "_clock", "_counts", "_features")

    def __init__(
        self,
        features: Mapping[str, FeatureCapture],
        channels: Sequence[ExchangeChannel],
        counts: CaptureCounts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._features = features
        self._channels = channels
        self._clock = clock
        self._counts = counts

    def plan(self, route: Route, key: str, method: bytes, side: Side, begins: bool) -> CapturePlan | None:
        """Whether the exchange that begins now is to be handed over at its end."""
        if not self._channels:
            return None
        feature = self._features[route.feature]
        channel = self._channel(key)
        sampled = is_sampled(feature.percent * channel.level // FULL, key)
        if not is_eligible(feature, method, side):
            if sampled and feature.percent and method not in SAFE_METHODS:
                channel.tell(
                    encode(SessionGap(key, "a write of the session was not shadowed", self._clock()))
                )
            return None
        self._counts.outcomes[route.feature, "eligible"] += 1
        if not sampled:
            self._counts.outcomes[route.feature, "not_sampled"] += 1
            return None
        safe = method in SAFE_METHODS
        return CapturePlan(route.feature, route.template, key, begins, safe, self._clock())

    def offer(
        self, plan: CapturePlan, request: RequestSnapshot, answer: Observation, request_id: str
    ) -> None:
        """The answer has ended and the client has it: hand the exchange over, or drop and count it."""
        try:
            frame = encode(
                CapturedExchange(
                    request_id,
                    plan.feature,
                    plan.template,
                    plan.key,
                    plan.begins,
                    self._clock(),
                    request,
                    answer,
                    plan.began,
                )
            )
            sent = self._channel(plan.key).send(frame, plan.feature)
        except Exception:  # noqa: BLE001 - our failure is never the user's: the client has its answer already
            _log.exception("an exchange could not be captured")
            sent = False
        if sent:
            self._counts.outcomes[plan.feature, "sent"] += 1
        else:
            self._drop(plan, "the way to the shadow process was full")

    def lost(self, plan: CapturePlan) -> None:
        """The exchange did not come to a whole answer of its side: there is nothing to compare."""
        self._drop(plan, "an exchange of the session came to no whole answer")

    def _drop(self, plan: CapturePlan, reason: str) -> None:
        self._counts.outcomes[plan.feature, "dropped"] += 1
        self._counts.settled(plan.feature, Verdict.DROPPED.value, 1)
        if not plan.safe:
            self._channel(plan.key).tell(encode(SessionGap(plan.key, reason, plan.began)))

    def _channel(self, key: str) -> ExchangeChannel:
        channels = self._channels
        return (
            channels[0]
            if len(channels) == 1
            else channels[crc32(key.encode("utf-8", "surrogatepass")) % len(channels)]
        )
