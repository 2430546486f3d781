"""The guards of features as a table: what was seen, between which bounds the truth lies, the limit. Knows no
command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from gateway.cli.output import duration, table

__all__ = ["print_guards"]

_COLUMNS: Final = ("feature", "guard", "outcome", "seen", "between", "limit", "samples")


def print_guards(features: Iterable[dict[str, Any]], *, only: Sequence[str] = ()) -> None:
    """`features`: anything with `name` or `feature`, and `guards`. `only`: outcomes to show; without any, all
    of them.
    """
    rows = [
        _row(str(one.get("name") or one["feature"]), guard)
        for one in features
        for guard in one["guards"]
        if not only or guard["outcome"] in only
    ]
    if rows:
        table(_COLUMNS, rows, nothing="")


def _row(feature: str, one: dict[str, Any]) -> tuple[object, ...]:
    shown = _SHOWN.get(one["guard"], _rate)
    low, high = one["low"], one["high"]
    bounds = "-" if low is None and high is None else f"{shown(low)} … {shown(high)}"
    samples = f"{one['samples']} of {one['needed']}" if one["needed"] else str(one["samples"])
    return (feature, one["guard"], one["outcome"], shown(one["value"]), bounds, shown(one["limit"]), samples)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.3g} %"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} times"


_SHOWN: Final[dict[str, Callable[[float | None], str]]] = {
    "errors": _times,
    "p95": duration,
    "p95_ratio": _times,
}
