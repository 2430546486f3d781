"""Which decisions a worker remembers to tell of, for who asks later why a request went where it went. Knows
no channel and no disk.

Every request while there are few; of many so many in a second, evenly as they come. A worker keeps them until
its next report, and never more than fit into one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.core.kept import Decided, KeptDecision

__all__ = ["DecisionSamples"]

_BURST: Final = 120
"""Seconds' worth that may be kept at once, when there was little before."""
_MOST: Final = 2000
"""Decisions in one report."""


class DecisionSamples:
    """`per_second`: 0 keeps none."""

    __slots__ = ("_hash", "_per_second", "_since", "_taken", "_tokens", "_worker")

    def __init__(self, per_second: int, worker: str, key_hash: Callable[[str], str]) -> None:
        self._per_second = per_second
        self._worker = worker
        self._hash = key_hash
        self._tokens = float(per_second * _BURST)
        self._since = 0.0
        self._taken: list[Decided] = []

    def wants(self, now: float) -> bool:
        """Whether the request that ends now (seconds of any one monotonic clock) is one to tell of."""
        if self._tokens < 1:
            most = float(self._per_second * _BURST)
            self._tokens = min(most, self._tokens + (now - self._since) * self._per_second)
            self._since = now
            if self._tokens < 1:
                return False
        return len(self._taken) < _MOST

    def take(self, decided: Decided) -> None:
        """Remember this one."""
        self._tokens -= 1
        self._taken.append(decided)

    def told(self) -> list[KeptDecision]:
        """Those since the last time, for a report."""
        taken, self._taken = self._taken, []
        return [
            KeptDecision(
                **{name: value for name, value in one._asdict().items() if name != "key"},
                key_hash=self._hash(one.key),
                worker=self._worker,
            )
            for one in taken
        ]
