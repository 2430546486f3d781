"""Capture as the request path uses it: plan when the side is known, offer when the answer has ended.
Never raises.

For every feature, at any time: eligible = not sampled + the sum over all verdicts + in flight. All of it is
counted here, by this one process: a shadow process says what it concluded, and what it leaves open when it
dies was dropped.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol
from zlib import crc32

from flags import FULL
from gateway.capture.exchange import CapturedExchange, SessionGap, WriteBegan, encode
from gateway.capture.plan import CapturePlan, FeatureCapture, is_eligible, is_sampled
from gateway.core.decision import Side
from gateway.core.message import SAFE_METHODS
from gateway.core.route import Route
from shadow import Observation, RequestSnapshot, Verdict

_log = logging.getLogger("banyan.capture")
OUTCOMES = ("eligible", "not_sampled", "sent", "dropped")
MOST_WRITTEN = 20_000
"""Sessions that wrote, of which is known that they did: the youngest."""


class Tally:
    """What became of one feature's exchanges, as far as the worker itself knows."""

    __slots__ = OUTCOMES

    def __init__(self) -> None:
        self.eligible = 0
        self.not_sampled = 0
        self.sent = 0
        self.dropped = 0


class CaptureCounts:
    """``verdicts``: (feature, verdict)."""

    __slots__ = ("_tallies", "verdicts")

    def __init__(self) -> None:
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self.verdicts: Counter[tuple[str, str]] = Counter()

    def tally(self, feature: str) -> Tally:
        """The one of a feature, to count in."""
        return self._tallies[feature]

    @property
    def outcomes(self) -> Counter[tuple[str, str]]:
        """(feature, eligible | not_sampled | sent | dropped); what never happened is left out."""
        found = ((name, tally, word) for name, tally in self._tallies.items() for word in OUTCOMES)
        return Counter({(name, word): n for name, tally, word in found if (n := getattr(tally, word))})

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


class Way(Protocol):
    """Where the exchanges of some sessions go: `ExchangeChannel`, or a shard of the shared streams.
    ``level``: the share of the sampled sessions that can be taken there, in hundredths.
    """

    @property
    def level(self) -> int: ...

    def send(self, frame: bytes, feature: str) -> bool: ...

    def tell(self, frame: bytes) -> None: ...


class Capture:
    """Hands exchanges over to the shadow processes, each session always the same way."""

    __slots__ = ("_channels", "_clock", "_counts", "_features", "_most", "_written")

    def __init__(
        self,
        features: Mapping[str, FeatureCapture],
        channels: Sequence[Way],
        counts: CaptureCounts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._features = {name: (feature, counts.tally(name)) for name, feature in features.items()}
        self._most = max((feature.percent for feature in features.values()), default=0)
        self._channels = channels
        self._clock = clock
        self._counts = counts
        self._written: dict[str, bool] = {}  # the one that wrote last at the end; whether that was a gap

    def plan(self, route: Route, key: str, method: bytes, side: Side, begins: bool) -> CapturePlan | None:
        """Whether the exchange that begins now is to be handed over at its end."""
        if not self._channels:
            return None
        feature, tally = self._features[route.feature]
        channel = self._channel(key)
        percent = feature.percent
        taken = percent if channel.level == FULL else percent * channel.level // FULL
        sampled = taken >= FULL or is_sampled(taken, key)
        safe, now = method in SAFE_METHODS, self._clock()
        if not is_eligible(feature, side, safe=safe):
            if not safe:
                self._left_out(key, "a write of the session was not shadowed", now)
            return None
        tally.eligible += 1
        if not sampled:
            tally.not_sampled += 1
            was_lowered = is_sampled(percent, key)  # told once: who comes back into it is found out
            if not safe and not (was_lowered and self._written.get(key)):
                self._left_out(key, "a write of the session was not in the sample", now)
            return None
        if not safe:
            self._note(key, is_gap=False)
            channel.tell(encode(WriteBegan(key, now)))
        return CapturePlan(route.feature, route.template, key, begins, safe, now)

    def unseen(self, key: str) -> None:
        """What begins now is no exchange that could be copied, and may change something."""
        if self._channels:
            self._left_out(key, "a connection of the session was switched to another protocol", self._clock())

    def _left_out(self, key: str, reason: str, now: float) -> None:
        """Whoever is in the sample of any feature has a state that this has changed on one side only."""
        if is_sampled(self._most, key):
            self._gap(key, reason, now)

    def offer(
        self,
        plan: CapturePlan,
        request: RequestSnapshot,
        answer: Observation,
        request_id: str,
        added: bytes = b"",
    ) -> None:
        """The answer has ended and the client has it: hand the exchange over, or drop and count it.
        ``added``: the field lines that say to both sides who asked, and name the request.
        """
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
                    added,
                )
            )
            sent = self._channel(plan.key).send(frame, plan.feature)
        except Exception:  # noqa: BLE001 - our failure is never the user's: the client has its answer already
            _log.exception("an exchange could not be captured")
            sent = False
        if sent:
            self._counts.tally(plan.feature).sent += 1
        else:
            self._drop(plan, "the way to the shadow process was full", has_answer=True)

    def lost(self, plan: CapturePlan) -> None:
        """The exchange did not come to a whole answer of its side: there is nothing to compare."""
        self._drop(plan, "an exchange of the session came to no whole answer")

    def _drop(self, plan: CapturePlan, reason: str, *, has_answer: bool = False) -> None:
        """``has_answer``: the client has it whole, and with it what it may show again: told once."""
        self._counts.tally(plan.feature).dropped += 1
        self._counts.settled(plan.feature, Verdict.DROPPED.value, 1)
        if not plan.safe or (has_answer and not self._written.get(plan.key)):
            self._gap(plan.key, reason, plan.began)

    def _gap(self, key: str, reason: str, began: float) -> None:
        self._note(key, is_gap=True)
        self._channel(key).tell(encode(SessionGap(key, reason, began)))

    def _note(self, key: str, *, is_gap: bool) -> None:
        """This session wrote, or lacks a request: what it is on the other side, only its shadow process
        knows, or nobody.
        """
        written = self._written
        written.pop(key, None)
        written[key] = is_gap
        if len(written) > MOST_WRITTEN:
            del written[next(iter(written))]

    def to_another(self, channel: Way) -> Iterator[bytes]:
        """What a shadow process has to be told that came in the place of another: the sessions of its that
        wrote before, the youngest of them. What they are on the other side it does not know.
        """
        for key in self._written:
            if self._channel(key) is channel:
                yield encode(SessionGap(key, "the shadow process that knew the session has ended"))

    def _channel(self, key: str) -> Way:
        channels = self._channels
        return (
            channels[0]
            if len(channels) == 1
            else channels[crc32(key.encode("utf-8", "surrogatepass")) % len(channels)]
        )
