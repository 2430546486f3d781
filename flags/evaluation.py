"""What the dial says about one sticky key: pure. It must not know latches' precedence: that is the decision's
business.
"""

from __future__ import annotations

from typing import NamedTuple

from flags.position import position
from flags.snapshot import FeatureState

__all__ = ["Evaluation", "evaluate"]


class Evaluation(NamedTuple):
    """`position` 0…9999 and `percent` 0…10000, both in hundredths; `selected`: the dial puts this key on the
    new side.

    A tuple because one is made for every request.
    """

    position: int
    percent: int
    selected: bool


def evaluate(state: FeatureState, feature: str, key: str) -> Evaluation:
    """Where `key` falls and what the dial makes of it. A latch does not change the answer; the decision looks
    at it first.
    """
    where = position(feature, key)
    return Evaluation(where, state.percent, where < state.percent)
