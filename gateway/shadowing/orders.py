"""An order to record live sessions as goldens, and what became of it: two kinds of small files in the state
folder. Knows no exchange.

The command line leaves an order, every shadow process looks for it and leaves its outcome beside it; an order
ends by itself at its time. No file holds anything of what was recorded.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, Literal

import msgspec

from flags import replace_whole

FOLDER: Final = "golden-live"
ORDER: Final = "order.json"


class Order(msgspec.Struct, frozen=True):
    """``until`` in seconds since 1970; ``share`` of the sessions in hundredths of a percent; ``sessions``:
    most journeys in all; ``per_route``: a session is left out when each of its routes is in so many journeys
    already; ``idle``: seconds without a request after which a session counts as over; ``flows``: folder for
    flow files, empty for none.
    """

    id: str
    feature: str
    side: Literal["legacy", "new"]
    until: float
    share: int
    sessions: int
    per_route: int
    idle: float
    folder: str
    flows: str = ""


class Written(msgspec.Struct, frozen=True):
    """One journey that was written."""

    flow: str
    steps: int
    outcome: str


class Outcome(msgspec.Struct):
    """What one shadow process has made of an order so far. ``left_out``: reason → how many sessions."""

    order: str
    done: bool = False
    open: int = 0
    written: list[Written] = []
    left_out: dict[str, int] = {}
    problems: list[str] = []


def place_order(state: Path, order: Order) -> None:
    """Leave an order where every shadow process finds it, in place of any other. Raises `OSError`."""
    folder = state / FOLDER
    folder.mkdir(exist_ok=True)
    _replace(folder / ORDER, msgspec.json.encode(order))


def withdraw(state: Path) -> None:
    """End an order before its time."""
    (state / FOLDER / ORDER).unlink(missing_ok=True)


def current_order(state: Path) -> Order | None:
    """The order there is, over or not; None without one or when it cannot be read."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((state / FOLDER / ORDER).read_bytes(), type=Order)
    return None


def report_outcome(state: Path, index: int, outcome: Outcome) -> None:
    """Leave what one shadow process has done. A disk that cannot take it costs the figures only."""
    with contextlib.suppress(OSError):
        _replace(state / FOLDER / f"shadow-{index}.json", msgspec.json.encode(outcome))


def outcomes(state: Path, order: str) -> list[Outcome]:
    """What the shadow processes say of this order."""
    found = []
    for path in sorted((state / FOLDER).glob("shadow-*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            outcome = msgspec.json.decode(path.read_bytes(), type=Outcome)
            if outcome.order == order:
                found.append(outcome)
    return found


def _replace(path: Path, data: bytes) -> None:
    replace_whole(path, data, mode=0o666, durable=False)
