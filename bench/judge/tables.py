"""A table in Markdown, and numbers in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

__all__ = ["median_or_more", "rounded", "share", "table"]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The lines of a table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def share(count: int, of: int) -> str:
    """A share in percent with its count."""
    return f"{100 * count / of:.1f} % ({count} of {of})"


def rounded(number: float) -> str:
    """Two significant digits, with thin groups: 12345 → 12 000."""
    return f"{float(f'{number:.2g}'):,.0f}".replace(",", " ")


def median_or_more(found: Sequence[int | None], most: int) -> str:
    """The median, where a run that found nothing took longer than all others."""
    middle = median(most + 1 if value is None else value for value in found)
    return rounded(middle) if middle <= most else f"over {rounded(most)}"
