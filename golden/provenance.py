"""Where a recording comes from: side, release, day, and the rules that were in force for it; it must not know
answers' meaning.

The day and not the second: two recordings of one day and one release are equal byte for byte. A file whose
answer has not changed keeps the provenance it has.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from shadow import DEFAULT_RULES, Observation, RequestSnapshot, Rules, written_out

Place = Callable[[RequestSnapshot], tuple[str, str]]
KEYS = frozenset({"from", "release", "on", "rules"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """`side` as a person calls it; `release`, or the `header` of the answers that names it."""

    side: str = ""
    release: str = ""
    header: str = ""
    day: date | None = None
    rules: Rules = DEFAULT_RULES
    place: Place | None = None

    def of(self, request: RequestSnapshot, answer: Observation) -> dict[str, Any]:
        """What the file says of one case; what is not known is left out."""
        day = self.day or today()
        feature, route = self.place(request) if self.place else ("", f"{request.method} {_path(request)}")
        held = sorted(rule.id for rule in self.rules.rules if rule.holds(feature, route, day))
        said = self.release or _field(answer, self.header)
        known = {"from": self.side, "release": said, "on": day.isoformat(), "rules": held}
        return {name: value for name, value in known.items() if value}


def today(env: Mapping[str, str] | None = None) -> date:
    """The day in UTC, or that of SOURCE_DATE_EPOCH, by which others can make the same files again."""
    fixed = (os.environ if env is None else env).get("SOURCE_DATE_EPOCH", "")
    return (datetime.fromtimestamp(int(fixed), UTC) if fixed.isdecimal() else datetime.now(UTC)).date()


def _path(request: RequestSnapshot) -> str:
    return written_out(request.target).partition("?")[0]


def _field(answer: Observation, header: str) -> str:
    wanted = header.lower().encode("latin-1", "replace")
    found = next((value for name, value in answer.headers if wanted and name.lower() == wanted), b"")
    return found.decode("latin-1")[:100]
