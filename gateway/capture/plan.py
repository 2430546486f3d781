"""Which exchanges are shadowed. Pure: by feature, method, side and session; a session is in as a whole or
not at all."""

from __future__ import annotations

from typing import NamedTuple

from flags import FULL, position
from gateway.core.decision import Side
from gateway.core.message import SAFE_METHODS


class FeatureCapture(NamedTuple):
    """``percent`` of sessions in hundredths; ``sides`` whose answers are copied; ``writes``: unsafe
    methods as well."""

    percent: int
    sides: frozenset[Side]
    writes: bool


class CapturePlan(NamedTuple):
    """An exchange that will be handed over when its answer has ended."""

    feature: str
    template: str
    key: str
    begins: bool


_SAMPLE = "shadow-sample"


def is_eligible(feature: FeatureCapture, method: bytes, side: Side) -> bool:
    """Whether an exchange of this kind is shadowed at all."""
    return side in feature.sides and (feature.writes or method in SAFE_METHODS)


def is_sampled(feature: FeatureCapture, key: str) -> bool:
    """Whether this session is in the sample. Its position is another one than for the dial: the two are
    independent."""
    return feature.percent >= FULL or position(_SAMPLE, key) < feature.percent
