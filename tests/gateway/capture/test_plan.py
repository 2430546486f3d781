"""Which exchanges are shadowed: by side, method and session."""

from itertools import pairwise

import pytest

from flags import position
from gateway.capture.plan import FeatureCapture, is_eligible, is_sampled, sample_position
from gateway.core.decision import Side
from gateway.core.message import SAFE_METHODS

BOTH = frozenset(Side)
KEYS = [f"session-{number}" for number in range(2000)]


@pytest.mark.parametrize(
    ("sides", "writes", "method", "side", "eligible"),
    [
        (BOTH, False, b"GET", Side.LEGACY, True),
        (BOTH, False, b"HEAD", Side.NEW, True),
        (BOTH, False, b"OPTIONS", Side.NEW, True),
        (BOTH, False, b"POST", Side.LEGACY, False),
        (BOTH, False, b"PUT", Side.LEGACY, False),
        (BOTH, True, b"POST", Side.LEGACY, True),
        (frozenset({Side.LEGACY}), True, b"GET", Side.NEW, False),
        (frozenset({Side.NEW}), False, b"GET", Side.NEW, True),
    ],
)
def test_what_is_shadowed_at_all(
    sides: frozenset[Side], writes: bool, method: bytes, side: Side, eligible: bool
) -> None:
    """A write only where the feature's writes are isolated."""
    assert is_eligible(FeatureCapture(10_000, sides, writes), side, safe=method in SAFE_METHODS) is eligible


def test_a_session_is_in_the_sample_as_a_whole_or_not_at_all() -> None:
    """And who is in a small sample is in every larger one."""
    sampled = [{key for key in KEYS if is_sampled(percent, key)} for percent in (0, 100, 1000, 5000, 10_000)]
    assert sampled[0] == set()
    assert sampled[-1] == set(KEYS)
    assert all(smaller <= larger for smaller, larger in pairwise(sampled))
    assert 850 < len(sampled[3]) < 1150


def test_the_sample_is_independent_of_the_dial() -> None:
    """Else only one side of a half-open dial would ever be compared."""
    quarters = [0, 0, 0, 0]
    for key in KEYS:
        quarters[2 * (position("orders", key) < 5000) + (sample_position(key) < 5000)] += 1
    assert all(400 < count < 600 for count in quarters), quarters


def test_positions_stay_in_their_range() -> None:
    """Hundredths of a percent."""
    assert all(0 <= sample_position(key) < 10_000 for key in KEYS)
