"""The state of every flag at one moment, as values. It must not know where it came from."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flags.rule import Rule

__all__ = ["NO_FEATURE", "FeatureState", "FlagSnapshot"]


class FeatureState(msgspec.Struct, frozen=True):
    """`percent`: the dial in hundredths, 0…10000. `latched`: this feature was rolled back and stays so until
    restored. `rule`: what decides in place of the dial alone, where the source says more than a percentage.
    """

    percent: int = 0
    latched: bool = False
    rule: Rule | None = None


NO_FEATURE = FeatureState()
"""What an unknown feature gets: nobody on the new side."""


class FlagSnapshot(msgspec.Struct, frozen=True):
    """`revision` only ever rises. `everything_latched`: every feature is rolled back, whatever its own latch
    says. `rules`: JSON of the source in charge, which only its provider understands; None where there is
    none.
    """

    revision: int = 0
    everything_latched: bool = False
    features: Mapping[str, FeatureState] = {}
    rules: bytes | None = None

    def feature(self, name: str) -> FeatureState:
        """The state of `name`; an unknown one is at 0 % and not latched."""
        return self.features.get(name, NO_FEATURE)

    def latched(self, name: str) -> bool:
        """Whether `name` is rolled back, by itself or with everything."""
        return self.everything_latched or self.feature(name).latched
