"""What comparing found since it was last written down, added up, so that writing costs one short transaction.
It must not know SQL.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from shadow.comparison import Comparison, Difference
from shadow.formats import same_format
from shadow.result import ComparedExchange, signature_id
from shadow.verdict import Kind, Severity, Verdict

MAX_SIGNATURES_PER_EXCHANGE = 50
MOST_PLACES = 20_000
"""Signatures, places of noise, and places of rules in one batch: each as many."""
MOST_SAMPLE_BYTES = 32 * 1024 * 1024
"""Bytes of bodies in one batch."""


class Occurrence(NamedTuple):
    """A signature, with the release it was seen in (empty where none is known)."""

    id: str
    feature: str
    route: str
    status_pair: str
    path: str
    kind: Kind
    severity: Severity
    version: str


class NoiseKey(NamedTuple):
    """Where two answers of one side may differ."""

    feature: str
    route: str
    path: str
    kind: Kind


class NoiseCount(NamedTuple):
    """How often the control differed from itself there, how often from the candidate, and how often both
    values had one format.
    """

    control: int = 0
    candidate: int = 0
    same_format: int = 0


class Batch:
    """Filled between two writes; ``samples`` are exchanges to be kept whole, by the name they are kept
    under. Bounded, however long a write takes and however much differs: ``left_out`` counts what there was
    no room for.
    """

    def __init__(self) -> None:
        self.verdicts: Counter[tuple[str, Verdict]] = Counter()
        self.occurrences: Counter[Occurrence] = Counter()
        self.seen: dict[Occurrence, tuple[float, float]] = {}  # first and last, in seconds since 1970
        self.hits: Counter[tuple[str, str, str, Kind]] = Counter()
        self.runs: Counter[tuple[str, str]] = Counter()
        self.noise: defaultdict[NoiseKey, NoiseCount] = defaultdict(NoiseCount)
        self.samples: list[tuple[tuple[str, ...], ComparedExchange]] = []
        self.left_out = 0
        self._sample_bytes = 0

    def __len__(self) -> int:
        """How many exchanges would be lost with it."""
        return max(self.verdicts.total(), len(self.samples), min(1, len(self.occurrences)))

    def compared(
        self, feature: str, route: str, pair: str, version: str, comparison: Comparison, at: float
    ) -> list[Occurrence]:
        """Count what one comparison found; its signatures. A rule counts once for each path and kind."""
        self.verdicts[feature, comparison.verdict] += 1
        for each in comparison.differences:
            if each.excused_by:
                hit = (each.excused_by, feature, each.path, each.kind)
                if self._has_room(self.hits, hit):
                    self.hits[hit] += 1
        if comparison.verdict is not Verdict.MISMATCH:
            return []
        found = occurrences(feature, route, pair, version, comparison)
        found = [each for each in found if self._has_room(self.occurrences, each)]
        self.occurrences.update(found)
        for occurrence in found:
            first, last = self.seen.get(occurrence, (at, at))
            self.seen[occurrence] = (min(first, at), max(last, at))
        return found

    def keep(self, names: tuple[str, ...], exchange: ComparedExchange) -> None:
        """A sample, under each of these names."""
        size = len(exchange.request.body) + len(exchange.control.body) + len(exchange.candidate.body)
        if self._sample_bytes + size > MOST_SAMPLE_BYTES or len(self.samples) >= MOST_PLACES:
            self.left_out += 1
            return
        self._sample_bytes += size
        self.samples.append((names, exchange))

    def _has_room(self, known: Mapping[Any, Any], place: object) -> bool:
        if place in known or len(known) < MOST_PLACES:
            return True
        self.left_out += 1
        return False

    def twice(self, feature: str, route: str, itself: Comparison, comparison: Comparison) -> None:
        """The control was asked twice: ``itself`` is how its two answers differ."""
        self.runs[feature, route] += 1
        theirs = {(each.path, each.kind): each for each in comparison.differences}
        ours = {(each.path, each.kind): each for each in itself.differences}
        for (path, kind), each in {**theirs, **ours}.items():
            key = NoiseKey(feature, route, path, kind)
            if not self._has_room(self.noise, key):
                continue
            before = self.noise[key]
            self.noise[key] = NoiseCount(
                before.control + ((path, kind) in ours),
                before.candidate + ((path, kind) in theirs),
                before.same_format + same_format(each.control, each.candidate),
            )


def occurrences(
    feature: str, route: str, pair: str, version: str, comparison: Comparison
) -> list[Occurrence]:
    """The signatures of one mismatch."""

    def occurrence(each: Difference) -> Occurrence:
        id_ = signature_id(feature, route, pair, each)
        return Occurrence(id_, feature, route, pair, each.path, each.kind, each.severity, version)

    return [occurrence(each) for each in comparison.unexcused[:MAX_SIGNATURES_PER_EXCHANGE]]
