"""The result of comparing two answers, as frozen values. It must not know how to compare.

A ``Comparison`` holds one ``Difference`` for each (path, kind), however often it occurs: ``count`` says how
often.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shadow.verdict import Kind, Severity, Verdict


class Difference(msgspec.Struct, frozen=True):
    """One way in which the two answers differ.

    ``path`` starts with ``status``, ``header`` or ``body``; a position in a list is ``[*]``:
    ``body.items[*].id``. ``control`` and ``candidate`` are short, redacted, JSON-able excerpts (None on the
    side where nothing is). ``excused_by`` is the id of the rule that accepts this difference, or empty.
    """

    path: str
    kind: Kind
    severity: Severity
    control: Any = None
    candidate: Any = None
    excused_by: str = ""
    count: int = 1


class Comparison(msgspec.Struct, frozen=True):
    """What is concluded about one pair of answers.

    ``severity`` is that of the worst unexcused difference. ``reason`` says in words why a verdict that is
    neither a match nor a mismatch was reached. ``stage`` names where it was decided: ``outcome``, ``head``,
    ``bytes``, ``parse`` or ``walk``.
    """

    verdict: Verdict
    severity: Severity | None = None
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    stage: str = ""

    @property
    def unexcused(self) -> tuple[Difference, ...]:
        """The differences that no rule accepts."""
        return tuple(difference for difference in self.differences if not difference.excused_by)


def undetermined(comparison: Comparison, reason: str) -> Comparison:
    """The same differences, of which nothing can be said."""
    return msgspec.structs.replace(comparison, verdict=Verdict.UNDETERMINED, severity=None, reason=reason)
