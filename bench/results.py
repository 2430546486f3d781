"""What was measured, and what it says: medians over rounds, ratios within a round, targets. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from bench.climb import Rung
from bench.load import Sample
from bench.work import COPIED, IN_TURNS, LARGE, MANY_IN_TURNS, ONE, PARSED, USUAL

Key = tuple[str, str]
"""A proxy, and the work it was given."""

OTHERS = ("no proxy", "nginx", "HAProxy", "Envoy", "FastAPI + httpx")
OURS, COMPARING, FEATURED = "Banyan", "Banyan, compares", "Banyan, 1,000 features"
NGINX_MIRROR, ENVOY_MIRROR = "nginx, mirror", "Envoy, mirror"


class Memory(NamedTuple):
    """MiB of the process that serves: after its start, and with so many clients that wait."""

    idle: float
    full: float
    connections: int


@dataclass
class Results:
    """`samples`: one for each round. `steady`: milliseconds of latency at half of our capacity, by proxy."""

    samples: dict[Key, list[Sample]] = field(default_factory=dict)
    compared: dict[Key, list[Rung]] = field(default_factory=dict)
    """The highest rate at which every pair is compared; by round."""
    memory: dict[str, Memory] = field(default_factory=dict)
    steady: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def median_of(self, proxy: str, work: str) -> Sample | None:
        """One sample that stands for all rounds; errors are added up, never averaged away."""
        runs = self.samples.get((proxy, work))
        return medians(runs) if runs else None

    def ratio(self, mine: Key, other: Key) -> float | None:
        """How many times the rate of another: the median of the rounds' ratios, for two that were measured
        one shortly after the other met the same machine."""
        ours, theirs = self.samples.get(mine), self.samples.get(other)
        if not ours or not theirs:
            return None
        return median(one.rate / two.rate for one, two in zip(ours, theirs, strict=False))

    def cost_ratio(self, mine: Key, other: Key) -> float | None:
        """The same by processor time: how many times ours another takes for a request."""
        ours, theirs = self.samples.get(mine), self.samples.get(other)
        if not ours or not theirs or not all(one.cost for one in (*ours, *theirs)):
            return None
        return median(two.cost / one.cost for one, two in zip(ours, theirs, strict=False))

    def added(self, proxy: str, quantile: str) -> float | None:
        """Milliseconds that a proxy adds at a steady rate, at `p50`, `p99` or `p999`."""
        mine, direct = self.steady.get(proxy), self.steady.get("no proxy")
        if not mine or not direct:
            return None
        return median(one[quantile] - two[quantile] for one, two in zip(mine, direct, strict=False))


def medians(samples: Sequence[Sample]) -> Sample:
    """One sample that stands for all rounds; errors are added up, never averaged away."""
    return Sample(
        rate=median(sample.rate for sample in samples),
        p50=median(sample.p50 for sample in samples),
        p99=median(sample.p99 for sample in samples),
        requests=sum(sample.requests for sample in samples),
        errors=sum(sample.errors for sample in samples),
        cost=median(sample.cost for sample in samples),
    )


class Target(NamedTuple):
    """`found` and `wanted` in the same unit; None: not measured. `most`: wanted is a ceiling. `by_cost`: the
    same ratio by processor time for each request, which neighbours on the machine disturb less.
    """

    name: str
    found: float | None
    wanted: float
    most: bool = False
    by_cost: float | None = None

    @property
    def reached(self) -> bool | None:
        """None where it was not measured."""
        if self.found is None:
            return None
        return self.found <= self.wanted if self.most else self.found >= self.wanted


_RATIOS: tuple[tuple[str, Key, Key, float], ...] = (
    ("forward: × Envoy", (OURS, USUAL.name), ("Envoy", USUAL.name), 1.3),
    ("forward: × nginx", (OURS, USUAL.name), ("nginx", USUAL.name), 0.5),
    ("forward: × FastAPI + httpx", (OURS, USUAL.name), ("FastAPI + httpx", USUAL.name), 40),
    ("pairs compared, equal: × nginx mirror", (COMPARING, COPIED.name), (NGINX_MIRROR, COPIED.name), 1.3),
    ("pairs compared, equal: × Envoy mirror", (COMPARING, COPIED.name), (ENVOY_MIRROR, COPIED.name), 1.6),
    ("pairs compared, parsed: × nginx mirror", (COMPARING, PARSED.name), (NGINX_MIRROR, COPIED.name), 1.1),
    ("pairs compared, parsed: × Envoy mirror", (COMPARING, PARSED.name), (ENVOY_MIRROR, COPIED.name), 1.3),
    ("1,000 features: × one feature", (FEATURED, IN_TURNS.name), (OURS, IN_TURNS.name), 0.95),
    ("256 connections: × 64", (OURS, MANY_IN_TURNS.name), (OURS, IN_TURNS.name), 0.85),
    ("10 MB bodies: × nginx", (OURS, LARGE.name), ("nginx", LARGE.name), 0.7),
)


def targets(results: Results) -> list[Target]:
    """What is wanted of Banyan, and what was found."""
    found = [
        Target(name, results.ratio(mine, other), wanted, by_cost=results.cost_ratio(mine, other))
        for name, mine, other, wanted in _RATIOS
    ]
    added, envoys = _added_by(results, OURS), _added_by(results, "Envoy")
    slower = added / envoys if added is not None and envoys else None
    memory = results.memory.get(OURS)
    return [
        *found,
        Target("share of the pairs that were compared", _compared_share(results), 0.999),
        Target("one connection, added median: × Envoy's", slower, 1.0, most=True),
        Target("MiB of a worker, idle", memory.idle if memory else None, 60, most=True),
        Target("MiB of a worker, 5,000 idle connections", memory.full if memory else None, 120, most=True),
    ]


def _added_by(results: Results, proxy: str) -> float | None:
    mine, direct = results.median_of(proxy, ONE.name), results.median_of("no proxy", ONE.name)
    return mine.p50 - direct.p50 if mine and direct else None


def _compared_share(results: Results) -> float | None:
    runs = [one for (proxy, _), found in results.compared.items() if proxy == COMPARING for one in found]
    return min(one.share for one in runs) if runs else None
