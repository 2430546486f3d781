"""What the turns say: percentiles, ratios with 95 % intervals, and whether the limits hold. Pure.

The intervals come from resampling whole rounds, and requests within them, since requests of one round share
what happened to the machine then. A limit holds when the whole interval is within it, is broken when the
whole interval is beyond it, and is open otherwise: more rounds may tell.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.goldens.rounds import Turn

P95_LIMIT, MEMORY_LIMIT = 1.1, 1.2
HOLDS, BROKEN, OPEN = "holds", "broken", "open"
_RESAMPLES = 400
_FEWEST = 3  # rounds
_MOST = 400  # requests taken from one round for one resample


@dataclass(frozen=True, slots=True)
class SideFigures:
    """One side over all rounds; seconds, MiB."""

    name: str
    requests: int
    failed: int
    p50: float
    p95: float
    p99: float
    memory: float
    p95_by_round: tuple[float, ...]

    @property
    def error_rate(self) -> float:
        """Of all that were sent."""
        return self.failed / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """One limit: the ratio of new to legacy, its interval, and what that means."""

    name: str
    value: float
    low: float
    high: float
    limit: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of it. `exit_code`: 0 all limits hold, 1 one is broken, 2 it cannot be told yet."""

    legacy: SideFigures
    new: SideFigures
    criteria: tuple[Criterion, ...]

    @property
    def exit_code(self) -> int:
        """For CI."""
        outcomes = {one.outcome for one in self.criteria}
        return 1 if BROKEN in outcomes else 2 if OPEN in outcomes else 0

    @property
    def word(self) -> str:
        """For people."""
        return {0: "ready", 1: "not ready", 2: "cannot be told yet"}[self.exit_code]


def judge(turns: Sequence[Turn], seed: int = 1) -> Verdict:
    """The verdict on all turns of both sides."""
    legacy = [turn for turn in turns if turn.side == "legacy"]
    new = [turn for turn in turns if turn.side == "new"]
    chance = random.Random(seed)
    criteria = [_ratio("p95", legacy, new, P95_LIMIT, lambda some: quantile(_pooled(some), 0.95), chance)]
    if all(turn.memory for turn in (*legacy, *new)):
        criteria.append(
            _ratio("memory", legacy, new, MEMORY_LIMIT, lambda some: median(t.memory for t in some), chance)
        )
    one, other = side_figures("legacy", legacy), side_figures("new", new)
    return Verdict(one, other, (*criteria, errors(one, other)))


def side_figures(name: str, turns: Sequence[Turn]) -> SideFigures:
    """One side's numbers."""
    pooled = _pooled(turns)
    return SideFigures(
        name,
        sum(len(turn.seconds) + turn.failed for turn in turns),
        sum(turn.failed for turn in turns),
        quantile(pooled, 0.5),
        quantile(pooled, 0.95),
        quantile(pooled, 0.99),
        median(turn.memory for turn in turns),
        tuple(quantile(sorted(turn.seconds), 0.95) for turn in turns),
    )


def errors(legacy: SideFigures, new: SideFigures) -> Criterion:
    """Errors not above: the difference of the two rates, in a normal approximation with one error added."""
    difference = new.error_rate - legacy.error_rate
    spread = 1.96 * math.sqrt(sum(_variance(side) for side in (legacy, new)))
    low, high = difference - spread, difference + spread
    outcome = HOLDS if difference <= 0 else BROKEN if low > 0 else OPEN
    return Criterion("errors", difference, low, high, 0.0, outcome)


def _variance(side: SideFigures) -> float:
    rate = (side.failed + 1) / (side.requests + 2)
    return rate * (1 - rate) / max(1, side.requests)


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values, between its neighbours; not a number without any."""
    if not values:
        return math.nan
    at = share * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def _pooled(turns: Sequence[Turn]) -> list[float]:
    return sorted(second for turn in turns for second in turn.seconds)


def _ratio(
    name: str,
    legacy: Sequence[Turn],
    new: Sequence[Turn],
    limit: float,
    statistic: Callable[[Sequence[Turn]], float],
    chance: random.Random,
) -> Criterion:
    value = statistic(new) / statistic(legacy)
    found = sorted(_once(legacy, new, statistic, chance) for _ in range(_RESAMPLES))
    low, high = quantile(found, 0.025), quantile(found, 0.975)
    outcome = HOLDS if high <= limit else BROKEN if low > limit else OPEN
    if min(len(legacy), len(new)) < _FEWEST:
        outcome = OPEN  # what happened to the machine cannot be told from what the sides do
    if math.isnan(value):
        outcome = BROKEN  # not one request went well
    return Criterion(name, value, low, high, limit, outcome)


def _once(
    legacy: Sequence[Turn],
    new: Sequence[Turn],
    statistic: Callable[[Sequence[Turn]], float],
    chance: random.Random,
) -> float:
    """The ratio of one resample. A round is taken with both its turns: they met the same machine."""
    rounds = chance.choices(range(min(len(legacy), len(new))), k=min(len(legacy), len(new)))
    one, other = ([side[number] for number in rounds] for side in (legacy, new))
    return statistic(_resampled(other, chance)) / statistic(_resampled(one, chance))


def _resampled(turns: Sequence[Turn], chance: random.Random) -> list[Turn]:
    found = []
    for turn in turns:
        seconds = turn.seconds
        taken = tuple(chance.choices(seconds, k=min(_MOST, len(seconds)))) if seconds else ()
        found.append(Turn(turn.side, taken, turn.failed, turn.memory))
    return found
