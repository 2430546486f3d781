"""Percentages as whole hundredths, 0…10000. It must not know what they are percentages of.

Whole numbers because a dial is compared with a position on every request, and because 0.1 + 0.2 is not 0.3.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

__all__ = ["FULL", "format_percent", "to_hundredths"]

FULL = 10_000
"""100 % in hundredths."""


def to_hundredths(value: object) -> int:
    """A percentage as a person writes it (10, 0.25, "12.5", "12.5%") → hundredths; ValueError says what was
    expected.

    >>> to_hundredths(12.5)
    1250
    """
    expected = "a percentage from 0 to 100 in steps of 0.01"
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(expected)
    text = value.strip().removesuffix("%").strip() if isinstance(value, str) else str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(expected) from None
    # The range first: it also keeps infinities, NaN and huge exponents away from the arithmetic.
    if not number.is_finite() or not 0 <= number <= 100:
        raise ValueError(expected)
    hundredths = number * 100
    if hundredths != hundredths.to_integral_value():
        raise ValueError(expected)
    return int(hundredths)


def format_percent(hundredths: int) -> str:
    """Hundredths as a person reads them, without a percent sign: 1250 → "12.5", 1000 → "10"."""
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
