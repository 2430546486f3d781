"""The six strengths a conversation can show: a table, and the scores that follow from the user's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from new_app.catalogue import read_data

START: Final = 50
STEP: Final = 9
FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Strength:
    key: str
    name: str
    shown_by: tuple[str, ...]
    advice: str

    def score(self, messages: Sequence[str]) -> int:
        if not messages:
            return 0
        showing = [message for message in messages if any(sign in message for sign in self.shown_by)]
        return min(FULL, START + STEP * len(showing))


STRENGTHS: Final[tuple[Strength, ...]] = tuple(
    Strength(row["key"], row["name"], tuple(row["shown_by"]), row["advice"])
    for row in read_data("strengths.json")
)


def scores(messages: Sequence[str]) -> dict[str, int]:
    return {strength.key: strength.score(messages) for strength in STRENGTHS}


def best(scored: Mapping[str, int], count: int = 3) -> list[Strength]:
    """The strongest first; equal ones in the order of the table (a sort keeps it)."""
    return sorted(STRENGTHS, key=lambda strength: -scored[strength.key])[:count]


def weakest(scored: Mapping[str, int]) -> Strength:
    """The lowest score; of equal ones the last in the table, so that best and weakest seldom meet."""
    return min(reversed(STRENGTHS), key=lambda strength: scored[strength.key])


def analysis(messages: Sequence[str]) -> dict[str, Any]:
    """As `chat_feedback` and `scenario_feedback` carry it."""
    scored = scores(messages)
    return {"scores": scored, "top_strengths": [strength.key for strength in best(scored)]}
