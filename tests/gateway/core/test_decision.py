"""Which side, and why: the order of precedence, and every combination."""

from itertools import product
from typing import Any

import pytest

from gateway.core.decision import Cause, Decision, Side, decide

# Each row: what holds, then the cause, the side, who may be asked. A row decides whatever stands below it.
ORDER: list[tuple[dict[str, Any], Cause, Side]] = [
    ({"matched": False}, Cause.UNMATCHED, Side.LEGACY),
    ({"everything_latched": True}, Cause.ROLLBACK_ALL, Side.LEGACY),
    ({"feature_latched": True}, Cause.ROLLBACK_FEATURE, Side.LEGACY),
    ({"breaker_open": True}, Cause.BREAKER_OPEN, Side.LEGACY),
    ({"forced": Side.NEW}, Cause.FORCED, Side.NEW),
    ({"forced": Side.LEGACY}, Cause.FORCED, Side.LEGACY),
    ({"selected": True}, Cause.PERCENTAGE, Side.NEW),
    ({"selected": False}, Cause.PERCENTAGE, Side.LEGACY),
]
NAMES = ("matched", "everything_latched", "feature_latched", "breaker_open", "selected")
COMBINATIONS: list[dict[str, Any]] = [
    {**dict(zip(NAMES, values, strict=True)), "forced": forced}
    for values in product((False, True), repeat=len(NAMES))
    for forced in (None, *Side)
]


@pytest.mark.parametrize(
    "facts",
    COMBINATIONS,
    ids=lambda facts: "-".join(f"{name}={value}" for name, value in facts.items() if value) or "none",
)
def test_the_first_row_that_holds_decides(facts: dict[str, Any]) -> None:
    """All ninety-six."""
    cause, side = next((cause, side) for row, cause, side in ORDER if row.items() <= facts.items())
    decision = decide(**facts)
    assert (decision.cause, decision.side) == (cause, side)


def test_who_may_be_asked() -> None:
    """Legacy stands behind new; nobody stands behind legacy."""
    for facts in COMBINATIONS:
        decision = decide(**facts)
        assert decision.attempts[0] is decision.side
        assert decision.attempts == ((Side.NEW, Side.LEGACY) if decision.side is Side.NEW else (Side.LEGACY,))


def test_causes_are_declared_in_their_order_of_precedence() -> None:
    """The words of log, metric, ``explain`` and dashboard, and the order of the table."""
    rows = [cause for _, cause, _ in ORDER]
    assert list(Cause) == list(dict.fromkeys(rows))
    assert [cause.value for cause in Cause][1:3] == ["rollback_all", "rollback_feature"]


def test_the_other_side() -> None:
    """The one that runs in the shadow."""
    assert (Side.LEGACY.other, Side.NEW.other) == (Side.NEW, Side.LEGACY)
    assert isinstance(decide(**COMBINATIONS[0]), Decision)
