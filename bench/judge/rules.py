"""Four ways to watch errors; each turns a run into one number after every error: alarm when it exceeds a bar.
They must not know the truth.

    evidence     the judge's own, with a fresh start at each step; the bar is 1/alpha, whatever the traffic
    z-test       the textbook's one-sided test of the same question, as if one had looked only once
    new rate     "the new side's error rate is above L" after `LEAST` requests on it
    rate ratio   "the new side's error rate is above c times legacy's" after `LEAST` requests on either

The bars of the last two have no meaning in themselves: they are tuned to traffic, see `alarms`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from math import exp, inf, sqrt

from bench.judge.traffic import ErrorSeen
from flags import judge

__all__ = ["LEAST", "RULES", "evidence", "new_rate", "rate_ratio", "single_start", "z_test"]

LEAST = 500

Rule = Callable[[Iterable[ErrorSeen]], Iterator[float]]


def evidence(errors: Iterable[ErrorSeen]) -> Iterator[float]:
    """The judge's evidence that errors gather on the new side, each step a window of its own."""
    return _evidence(errors, fresh=True)


def single_start(errors: Iterable[ErrorSeen]) -> Iterator[float]:
    """The same without fresh starts: everything since the beginning only."""
    return _evidence(errors, fresh=False)


def z_test(errors: Iterable[ErrorSeen]) -> Iterator[float]:
    """How many standard deviations more errors are on the new side than expected; from ten errors on."""
    seen = expected = variance = 0.0
    for number, error in enumerate(errors, 1):
        seen += error.new
        expected += error.share
        variance += error.share * (1.0 - error.share)
        yield (seen - expected) / sqrt(variance) if variance and number >= 10 else -inf


def new_rate(errors: Iterable[ErrorSeen]) -> Iterator[float]:
    """The new side's error rate."""
    seen = 0
    for error in errors:
        seen += error.new
        yield seen / error.new_requests if error.new_requests >= LEAST else 0.0


def rate_ratio(errors: Iterable[ErrorSeen]) -> Iterator[float]:
    """The new side's error rate over legacy's (which is taken to have had one error at least)."""
    new = legacy = 0
    for error in errors:
        new, legacy = new + error.new, legacy + (not error.new)
        on_legacy = error.requests - error.new_requests
        enough = min(error.new_requests, on_legacy) >= LEAST
        yield (new / error.new_requests) / (max(legacy, 1) / on_legacy) if enough else 0.0


RULES: dict[str, Rule] = {
    "evidence": evidence,
    "z-test": z_test,
    "new rate": new_rate,
    "rate ratio": rate_ratio,
}


def _evidence(errors: Iterable[ErrorSeen], *, fresh: bool) -> Iterator[float]:
    starts: list[Counter[tuple[float, bool]]] = []
    for error in errors:
        wanted = error.step + 1 if fresh else 1
        starts += [Counter() for _ in range(wanted - len(starts))]
        for counts in starts:
            counts[error.share, error.new] += 1
        logs = [
            judge.log_stake(ordinal) + judge.log_evidence(_rows(counts))
            for ordinal, counts in enumerate(starts, 1)
            if counts
        ]
        yield sum(map(exp, logs)) if fresh else exp(logs[0] - judge.log_stake(1))


def _rows(counts: Counter[tuple[float, bool]]) -> list[judge.Row]:
    shares = {share for share, _ in counts if 0.0 < share < 1.0}
    return [judge.Row(share, counts[share, True], counts[share, False]) for share in shares]
