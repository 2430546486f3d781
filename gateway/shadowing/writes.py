"""Which writes of a session are under way: begun on the primary side and not yet repeated on the other.

An exchange that overlapped one of them may have seen the session before or after it, and its copy the other
way round: what differs then proves nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable


class OpenWrites:
    """Begun and ended by session (its sticky key) and time of beginning. ``source``: who told us of it."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[str, list[tuple[float, Hashable]]] = {}

    def __len__(self) -> int:
        """Writes under way."""
        return sum(map(len, self._open.values()))

    def begin(self, session: str, began: float, source: Hashable) -> None:
        """A write has been sent to the primary side. Said twice it is still one."""
        writes = self._open.setdefault(session, [])
        if (began, source) not in writes:
            writes.append((began, source))

    def end(self, session: str, began: float) -> None:
        """It has been repeated on the other side, or never will be."""
        writes = self._open.get(session)
        if writes is None:
            return
        for number, (each, _) in enumerate(writes):
            if each == began:
                del writes[number]
                break
        if not writes:
            del self._open[session]

    def overlap(self, session: str, began: float, ended: float) -> bool:
        """Whether a write other than the one that began at ``began`` was begun before ``ended``."""
        if not self._open:
            return False
        writes = self._open.get(session)
        return writes is not None and any(each < ended and each != began for each, _ in writes)

    def forget(self, source: Hashable) -> list[str]:
        """``source`` will tell no more, not even how its writes ended: the sessions of these."""
        lost = []
        for session, writes in list(self._open.items()):
            kept = [write for write in writes if write[1] != source]
            if len(kept) < len(writes):
                lost.append(session)
            if kept:
                self._open[session] = kept
            else:
                del self._open[session]
        return lost
