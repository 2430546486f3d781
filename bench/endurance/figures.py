"""Figures with their bounds, and how they are printed."""

from __future__ import annotations

from typing import NamedTuple

MIB = 2**20


class Figure(NamedTuple):
    """``most`` and ``least``: the bounds, where there are any; both included."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def holds(self) -> bool:
        """Whether it is within its bounds."""
        return (self.most is None or self.value <= self.most) and (
            self.least is None or self.value >= self.least
        )

    def __str__(self) -> str:
        """One line."""
        bounds = [f"at most {self.most:g}"] if self.most is not None else []
        bounds += [f"at least {self.least:g}"] if self.least is not None else []
        verdict = "" if self.holds else "  <- NOT HELD"
        said = f"  ({', '.join(bounds)})" if bounds else ""
        return f"{self.name:<58} {self.value:>12,.1f} {self.unit}{said}{verdict}"


def share(values: list[float], part: float) -> float:
    """The value that this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def delays(name: str, seconds: list[float], most: float | None = None) -> list[Figure]:
    """Median, 99th percentile and the longest, in milliseconds; ``most`` holds for all but one in a
    hundred."""
    return [
        Figure(f"{name}, median", share(seconds, 0.5) * 1000, "ms"),
        Figure(f"{name}, 99 of 100", share(seconds, 0.99) * 1000, "ms", most),
        Figure(f"{name}, longest", max(seconds) * 1000, "ms"),
    ]
