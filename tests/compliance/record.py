"""What a run of the table gave, for the gateway and for Envoy in its place; kept beside the tests, so that
the page can show it where neither can be run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "recorded"


class Outcome(NamedTuple):
    """Cases of one test, or of several."""

    passed: int
    asked: int

    def __str__(self) -> str:
        """As the page shows it."""
        return f"{self.passed} of {self.asked}" if self.asked else "not asked"


class Record(NamedTuple):
    """``peer``: who was asked, with its version. ``outcomes``: by module, then by test."""

    peer: str
    outcomes: dict[str, dict[str, Outcome]]

    def of(self, modules: Iterable[str]) -> Outcome:
        """All cases of these modules."""
        found = [outcome for module in modules for outcome in self.outcomes.get(module, {}).values()]
        return Outcome(sum(each.passed for each in found), sum(each.asked for each in found))

    def misses(self) -> dict[str, Outcome]:
        """The tests of which not every case passed, as ``module::test``."""
        return {
            f"{module}::{test}": outcome
            for module, tests in self.outcomes.items()
            for test, outcome in tests.items()
            if outcome.passed < outcome.asked
        }


def load(name: str) -> Record:
    """The record of ``gateway`` or ``envoy``."""
    said = json.loads((FOLDER / f"{name}.json").read_text())
    tests = {
        module: {test: Outcome(*counts) for test, counts in found.items()}
        for module, found in said["outcomes"].items()
    }
    return Record(said["peer"], tests)


def save(name: str, record: Record) -> None:
    """One line for each test, in order, so that a change shows."""
    FOLDER.mkdir(exist_ok=True)
    modules = (
        f'  "{module}": {{\n'
        + ",\n".join(f'   "{test}": {json.dumps(found[test])}' for test in sorted(found))
        + "\n  }"
        for module, found in sorted(record.outcomes.items())
    )
    text = f'{{\n "peer": "{record.peer}",\n "outcomes": {{\n' + ",\n".join(modules) + "\n }\n}\n"
    (FOLDER / f"{name}.json").write_text(text)
