"""Percentages in hundredths."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags import FULL, format_percent, to_hundredths


@pytest.mark.parametrize(
    ("written", "hundredths"),
    [
        (0, 0),
        (100, 10_000),
        (0.01, 1),
        (33.33, 3333),
        (0.29, 29),
        ("12.5", 1250),
        (" 10 % ", 1000),
        (Decimal("99.99"), 9999),
    ],
)
def test_reads_what_people_write(written: object, hundredths: int) -> None:
    assert to_hundredths(written) == hundredths


@pytest.mark.parametrize(
    "written",
    [-1, 100.01, 100.005, 0.001, "ten", "", float("nan"), float("inf"), True, None, [], "1e999999999"],
)
def test_refuses_the_rest(written: object) -> None:
    with pytest.raises(ValueError, match=r"a percentage from 0 to 100 in steps of 0\.01"):
        to_hundredths(written)


@given(st.integers(0, FULL))
def test_there_and_back(hundredths: int) -> None:
    assert to_hundredths(format_percent(hundredths)) == hundredths
    assert to_hundredths(hundredths / 100) == hundredths
