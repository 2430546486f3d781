"""Which routes the shadow has seen, and how many of their exchanges it could compare. Kept in a small file of
the state folder; knows no verdict.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from flags import replace_whole

FOLDER: Final = "golden-live"
MAX_ROUTES: Final = 5000


class SeenRoute(msgspec.Struct):
    """One route of one feature: exchanges seen, and those that both sides answered."""

    feature: str
    route: str
    seen: int = 0
    compared: int = 0


class RouteEvidence:
    """What one shadow process has seen, restarts included."""

    def __init__(self, path: Path, rows: list[SeenRoute]) -> None:
        self._path = path
        self._rows = {(row.feature, row.route): row for row in rows}
        self._changed = False

    @classmethod
    def load(cls, state: Path, index: int) -> RouteEvidence:
        """Go on from where the process before stood."""
        path = state / FOLDER / f"routes-{index}.json"
        return cls(path, _read(path))

    def note(self, feature: str, route: str, *, compared: bool) -> None:
        """One exchange. Beyond the bound new routes are not taken in."""
        row = self._rows.get((feature, route))
        if row is None:
            if len(self._rows) >= MAX_ROUTES:
                return
            row = self._rows[feature, route] = SeenRoute(feature, route)
        row.seen += 1
        row.compared += compared
        self._changed = True

    def save(self) -> None:
        """Write what is new. A disk that cannot take it costs these figures only."""
        if not self._changed:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            packed = msgspec.json.encode(list(self._rows.values()))
            replace_whole(self._path, packed, mode=0o666, durable=False)
            self._changed = False


def seen_routes(state: Path) -> list[SeenRoute]:
    """What all shadow processes of this state folder have seen."""
    total: dict[tuple[str, str], SeenRoute] = {}
    for path in sorted((state / FOLDER).glob("routes-*.json")):
        for row in _read(path):
            known = total.setdefault((row.feature, row.route), SeenRoute(row.feature, row.route))
            known.seen += row.seen
            known.compared += row.compared
    return list(total.values())


def _read(path: Path) -> list[SeenRoute]:
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=list[SeenRoute])
    return []
