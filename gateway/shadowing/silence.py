"""Whether a side has gone silent: takes copies, and answers none. Knows no copy, only how they ended.

Each copy to such a side costs a connection that is opened in vain and thrown away, on a processor that
users' requests need, and gives a side that struggles more to do. So one at a time is sent, until one is
answered.
"""

from __future__ import annotations

import logging

_log = logging.getLogger("banyan.shadow")
IN_A_ROW = 64
"""Copies that were not answered in time, one after the other, before a side counts as silent."""


class Silence:
    """Of one side. ``begun`` and ``ended`` for each copy that is sent."""

    __slots__ = ("_side", "_unanswered", "_under_way")

    def __init__(self, side: str) -> None:
        self._side = side
        self._unanswered = 0
        self._under_way = 0

    def may_ask(self) -> bool:
        """Whether a copy is worth sending: to a silent side one at a time."""
        return self._unanswered < IN_A_ROW or self._under_way == 0

    def begun(self) -> None:
        """A copy is on its way."""
        self._under_way += 1

    def ended(self, *, in_time: bool) -> None:
        """What became of it. ``in_time``: an answer, or a refusal, which is one as well."""
        self._under_way -= 1
        if in_time:
            if self._unanswered >= IN_A_ROW:
                _log.warning("the %s side answers copies again", self._side)
            self._unanswered = 0
            return
        self._unanswered += 1
        if self._unanswered == IN_A_ROW:
            _log.warning(
                "the %s side answered none of the last %d copies in time: it is sent one at a time until it"
                " answers, and the others count as timeouts",
                self._side,
                IN_A_ROW,
            )
