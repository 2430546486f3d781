"""Capture as the request path uses it: plan when the side is known, offer when the answer has ended.
Never raises.

For every feature, at any time: eligible = not_sampled + dropped + sent + those still under way.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from gateway.capture.channel import ExchangeChannel
from gateway.capture.exchange import CapturedExchange, encode
from gateway.capture.plan import CapturePlan, FeatureCapture, is_eligible, is_sampled
from gateway.core.decision import Side
from gateway.core.route import Route
from shadow import Observation, RequestSnapshot

_log = logging.getLogger("banyan.capture")


class Capture:
    """``counts`` is read by the metrics: (feature, outcome) → how many."""

    __slots__ = ("_channels", "_clock", "_features", "counts")

    def __init__(
        self,
        features: Mapping[str, FeatureCapture],
        channels: Sequence[ExchangeChannel],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._features = features
        self._channels = channels
        self._clock = clock
        self.counts: Counter[tuple[str, str]] = Counter()

    def plan(self, route: Route, key: str, method: bytes, side: Side, begins: bool) -> CapturePlan | None:
        """Whether the exchange that begins now is to be handed over at its end."""
        feature = self._features[route.feature]
        if not is_eligible(feature, method, side):
            return None
        self.counts[route.feature, "eligible"] += 1
        if not is_sampled(feature, key):
            self.counts[route.feature, "not_sampled"] += 1
            return None
        return CapturePlan(route.feature, route.template, key, begins)

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
                )
            )
            sent = self._channels[crc32(plan.key.encode()) % len(self._channels)].send(frame)
        except Exception:  # noqa: BLE001 - our failure is never the user's: the client has its answer already
            _log.exception("an exchange could not be captured")
            sent = False
        self.counts[plan.feature, "sent" if sent else "dropped"] += 1

    def lost(self, plan: CapturePlan) -> None:
        """The exchange did not come to a whole answer of its side: there is nothing to compare."""
        self.counts[plan.feature, "dropped"] += 1
