"""Two answers side by side: only where they part, in columns that hold."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from gateway.cli.diffs_side import side_by_side


def side(name: str, body: str, kind: str = "application/json", status: int = 200) -> dict[str, Any]:
    return {"side": name, "status": status, "error": "", "headers": [["Content-Type", kind]], "body": body}


def lines(one: Any, other: Any, width: int = 80, kind: str = "application/json") -> list[str]:
    as_text = json.dumps if kind == "application/json" else str
    return list(side_by_side(side("legacy", as_text(one), kind), side("new", as_text(other), kind), width))


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def test_only_the_part_that_differs_in_context() -> None:
    value = {f"k{number:02}": number for number in range(50)}
    shown = lines(value, {**value, "k25": "25"})
    assert shown[0].split() == ["legacy:", "200", "new:", "200"]
    marked = [line for line in shown if line.startswith("!")]
    assert len(marked) == 1
    assert marked[0].split() == ["!", '"k25":', "25,", '"k25":', '"25",']
    assert len(shown) < 12
    assert not any("k10" in line for line in shown)


def test_wide_characters_keep_the_columns() -> None:
    shown = lines({"name": "お茶" * 30, "n": 1}, {"name": "お茶" * 30, "n": 2}, 60)
    assert max(map(columns, shown)) <= 60


def test_a_long_line_is_shown_from_where_it_parts() -> None:
    shown = lines({"text": "x" * 500 + "left"}, {"text": "x" * 500 + "right"}, 80)
    (marked,) = [line for line in shown if line.startswith("!")]
    assert "left" in marked
    assert "right" in marked


def test_pages_by_their_tags() -> None:
    shown = lines("<ul><li>a</li><li>b</li></ul>", "<ul><li>a</li><li>c</li></ul>", kind="text/html")
    assert [line.split() for line in shown if line.startswith("!")] == [["!", "<li>b</li>", "<li>c</li>"]]


def test_what_cannot_be_printed_is_not() -> None:
    shown = "".join(lines({"a": "\x1b[31m"}, {"a": "\x07"}, kind="text/plain"))
    assert shown.isprintable()


def test_a_flood_ends() -> None:
    assert len(lines(list(range(5000)), list(range(5000, 10_000)))) < 80


def test_the_same_bodies() -> None:
    assert lines({"a": 1}, {"a": 1})[-1].strip() == "both bodies are the same"
