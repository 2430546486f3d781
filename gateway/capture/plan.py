"""Which exchanges are shadowed. Pure: by feature, method, side and session; a session is in as a whole or
not at all."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from flags import FULL, position
from gateway.core.decision import Side


class FeatureCapture(NamedTuple):
    """``percent`` of sessions in hundredths; ``sides`` whose answers are copied; ``writes``: unsafe
    methods as well."""

    percent: int
    sides: frozenset[Side]
    writes: bool


class CapturePlan(msgspec.Struct, frozen=True, gc=False):
    """An exchange that will be handed over when its answer has ended. ``safe``: it changes nothing.
    ``began``: the time of day in seconds."""

    feature: str
    template: str
    key: str
    begins: bool
    safe: bool
    began: float


_SAMPLE = "shadow-sample"


def is_eligible(feature: FeatureCapture, side: Side, *, safe: bool) -> bool:
    """Whether an exchange of this kind is shadowed at all. ``safe``: it changes nothing."""
    return (safe or feature.writes) and side in feature.sides


def is_sampled(percent: int, key: str) -> bool:
    """Whether this session is in a sample of ``percent`` hundredths."""
    return percent >= FULL or (percent > 0 and sample_position(key) < percent)


def sample_position(key: str) -> int:
    """Where a session falls in the sample, 0…9999. Another position than for the dial: the two are
    independent."""
    return position(_SAMPLE, key)
