"""Numbers as the reasons show them. It must not know what they mean."""

from __future__ import annotations

__all__ = ["milliseconds", "percentage"]


def percentage(rate: float | None) -> str:
    """A rate as a person reads it: 0.0012 → "0.12 %"."""
    return "unknown" if rate is None else f"{rate * 100:.4g} %"


def milliseconds(seconds: float | None) -> str:
    """A duration as a person reads it: 0.2 → "200 ms"."""
    return "unknown" if seconds is None else f"{seconds * 1000:.4g} ms"
