"""What a run found, as frozen values with an exit code; it must not know how it is shown.

Exit codes: 0 everything as it should be; 1 an unexcused difference; 2 it could not be told (a side down, a
file corrupt, a journey broken off, nothing recorded). A difference that was seen weighs more than what was
not seen.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from golden.comparing import Seen
from shadow import Comparison, Difference, Verdict

PASSED = frozenset({Verdict.MATCH, Verdict.NOISE, Verdict.ACCEPTED})


class Cause(StrEnum):
    """Whose doing a difference is, when the control was asked too. Empty: nothing differs, or not asked."""

    NONE = ""
    NEW = "new is wrong: the control still answers as recorded"
    STALE = "the golden is stale: the control has moved, and new answers as the control does now"
    MOVED = "the golden is stale: the control has moved, new answers as recorded"
    BOTH = "new is wrong: the control has moved, and new answers as neither"
    OPEN = "the control could not be asked"


STALE = frozenset({Cause.STALE, Cause.MOVED})


@dataclass(frozen=True, slots=True)
class Problem:
    """What kept a case from being recorded or verified: one sentence, with its file, flow and step."""

    file: str
    what: str
    flow: str = ""
    step: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: step {self.step!r}" if self.step else self.file
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True, slots=True)
class Saved:
    """One case of a recording run; `outcome` is "created", "changed" or "unchanged".

    For a file of a step that its flow no longer has: "stale", or "removed" where that was asked for.
    """

    file: str
    flow: str
    step: str
    outcome: str


@dataclass(frozen=True, slots=True)
class RecordReport:
    """What a recording run did; `warnings` need a person's look."""

    url: str
    saved: tuple[Saved, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def count(self, outcome: str) -> int:
        """How many cases came out so."""
        return sum(saved.outcome == outcome for saved in self.saved)

    @property
    def exit_code(self) -> int:
        """0 when every flow was recorded, else 2."""
        return 2 if self.problems or not self.saved else 0


@dataclass(frozen=True, slots=True)
class Case:
    """One recording verified against a side. `elapsed` in seconds; `problem` is empty if it was compared;
    `cause` is known when the control was asked too; `seen` is what was compared, while it is needed.
    """

    id: str
    flow: str
    step: str
    number: int
    file: str
    comparison: Comparison
    elapsed: float = 0.0
    problem: str = ""
    cause: Cause = Cause.NONE
    seen: Seen | None = None

    @property
    def stale(self) -> bool:
        """The recording is what should change, says the control."""
        return self.cause in STALE

    @property
    def passed(self) -> bool:
        """A match, noise, or accepted by a rule."""
        return self.comparison.verdict in PASSED and not self.stale

    @property
    def failed(self) -> bool:
        """An unexcused difference that is not the recording's fault."""
        return self.comparison.verdict is Verdict.MISMATCH and not self.stale

    @property
    def word(self) -> str:
        """How it came out: the verdict, or "stale"."""
        return "stale" if self.stale else str(self.comparison.verdict)

    @property
    def failures(self) -> tuple[str, ...]:
        """One line per unexcused difference, or why it could not be told; whose doing it is comes first."""
        if self.failed or self.stale:
            cause = (str(self.cause),) if self.cause else ()
            return (*cause, *(line(item) for item in self.comparison.unexcused))
        return (
            () if self.passed else (self.problem or self.comparison.reason or str(self.comparison.verdict),)
        )


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found, case by case, and the problems that belong to no case."""

    url: str
    folder: str
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...] = ()
    control: str = ""
    warnings: tuple[Problem, ...] = ()

    @property
    def passed(self) -> int:
        """How many cases matched or were accepted."""
        return sum(case.passed for case in self.cases)

    @property
    def failed(self) -> int:
        """How many cases differ without excuse."""
        return sum(case.failed for case in self.cases)

    @property
    def stale(self) -> int:
        """How many recordings the control has left behind."""
        return sum(case.stale for case in self.cases)

    @property
    def undetermined(self) -> int:
        """How many cases could not be told."""
        return len(self.cases) - self.passed - self.failed - self.stale

    @property
    def rules_used(self) -> frozenset[str]:
        """The ids of the rules that excused something."""
        return frozenset(
            d.excused_by for case in self.cases for d in case.comparison.differences if d.excused_by
        )

    @property
    def word(self) -> str:
        """The answer, for people."""
        if self.exit_code == 2 and self.stale and not (self.undetermined or self.problems):
            return "the goldens are stale"
        return ("all as recorded", "differences found", "could not be told")[self.exit_code]

    @property
    def exit_code(self) -> int:
        """0, 1 or 2 as this module says; nothing to verify is 2: a test that cannot fail is a defect."""
        if self.failed:
            return 1
        return 2 if self.undetermined or self.stale or self.problems or not self.cases else 0


Progress = Callable[[int, int, str], None]
"""Called after each step with how many are done, how many there are, and the id of the case."""


def line(item: Difference) -> str:
    """`body.items[*].id: type_changed (high): expected 7, got "7"`."""
    many = f", {item.count} times" if item.count > 1 else ""
    values = f"expected {_shown(item.control)}, got {_shown(item.candidate)}"
    return one_line(f"{item.path}: {item.kind} ({item.severity}{many}): {values}")


def one_line(text: str) -> str:
    """A text that a side may have written, with every character that a terminal or a build server would obey
    (line breaks too) as its escape.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _shown(value: object) -> str:
    # None on the side where nothing is; a JSON null arrives as the same value and reads the same.
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else _json(value)
    shown = f'"{text}"' if isinstance(value, str) else text
    return shown if len(shown) <= 300 else shown[:297] + "…"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
