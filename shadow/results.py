"""What a store of findings can do, whatever it keeps them in. It must not know any of them."""

from __future__ import annotations

from typing import Protocol

from shadow.batch import Batch
from shadow.noise import NoiseEvidence
from shadow.result import ComparedExchange
from shadow.rule_use import RuleHit
from shadow.signature import Signature
from shadow.verdict import Verdict


class Results(Protocol):
    """Used from one thread at a time; nothing raises for trouble with the store. ``lost`` counts what was not
    kept, ``trouble`` says why the last look found nothing, where that does not mean that nothing is there.
    What the methods do: `ResultStore`.
    """

    @property
    def lost(self) -> int: ...

    @property
    def trouble(self) -> str: ...

    def write(self, batch: Batch, at: float) -> bool: ...

    def acknowledge(self, signature: str, until: float, actor: str, reason: str, at: float) -> bool: ...

    def signatures(
        self, feature: str | None = None, limit: int = 100, now: float | None = None
    ) -> list[Signature]: ...

    def sample(self, signature: str) -> ComparedExchange | None: ...

    def samples(self, signature: str) -> list[ComparedExchange]: ...

    def stored(self, limit: int = 1000) -> list[ComparedExchange]: ...

    def rule_hits(self) -> list[RuleHit]: ...

    def noise(self, feature: str | None = None, limit: int = 1000) -> list[NoiseEvidence]: ...

    def counts(self, feature: str | None = None, since: float = 0.0) -> dict[Verdict, int]: ...

    def close(self) -> None: ...
