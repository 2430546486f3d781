"""Two answers side by side, only where they part, with a little around it. Pure: values in, lines out."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

__all__ = ["side_by_side"]

_AROUND = 2
_MOST_LINES = 3000
_MOST_SHOWN = 60
_GAP = "   "


def side_by_side(control: Mapping[str, Any], candidate: Mapping[str, Any], width: int) -> Iterator[str]:
    """The lines: names and statuses on top, then the bodies where they differ. `width` in columns."""
    half = max(16, (width - len(_GAP)) // 2)
    heads = [f"{side['side']}: {side['status']} {side['error']}".rstrip() for side in (control, candidate)]
    yield _row(heads[0], heads[1], half, "  ")
    yield _row("-" * (half - 2), "-" * (half - 2), half, "  ")
    ours, theirs = _lines(control), _lines(candidate)
    if ours == theirs:
        yield "  both bodies are the same"
        return
    for shown, (mark, one, other) in enumerate(_pairs(ours, theirs)):
        if shown >= _MOST_SHOWN:
            yield "  … more of it: --json has all"
            return
        long = mark == "!" and min(len(one), len(other)) > half - 2
        yield _row(*(_from_where_they_part(one, other, half) if long else (one, other)), half, mark + " ")


def _pairs(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """``!`` differs, blank is the same, ``…`` something was left out."""
    if max(len(ours), len(theirs)) > _MOST_LINES:
        yield "…", f"({len(ours)} lines)", f"({len(theirs)} lines)"
        ours, theirs = ours[:_MOST_LINES], theirs[:_MOST_LINES]
    for group in SequenceMatcher(None, ours, theirs, autojunk=False).get_grouped_opcodes(_AROUND):
        if group[0][1] > 0 or group[0][3] > 0:
            yield "…", "", ""
        for tag, start, end, other_start, other_end in group:
            one, other = list(ours[start:end]), list(theirs[other_start:other_end])
            longest = max(len(one), len(other))
            one += [""] * (longest - len(one))
            other += [""] * (longest - len(other))
            for pair in zip(one, other, strict=True):
                yield (" " if tag == "equal" else "!"), *pair


def _lines(side: Mapping[str, Any]) -> list[str]:
    """The body, one line for each thing that can differ by itself."""
    body = str(side["body"])
    kind = next((value for name, value in side["headers"] if name.lower() == "content-type"), "")
    if "json" in kind:
        try:
            return json.dumps(json.loads(body), ensure_ascii=False, indent=2, sort_keys=True).split("\n")
        except (ValueError, RecursionError):
            pass
    if "html" in kind or "xml" in kind:
        body = re.sub(r">\s*<", ">\n<", body)
    return [line.rstrip() for line in body.splitlines()]


def _from_where_they_part(one: str, other: str, half: int) -> tuple[str, str]:
    """Both lines from a little before the first difference on, where that lies beyond the column."""
    parting = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, parting - half // 3)
    if parting < half - 4 or not start:
        return one, other
    return "…" + one[start:], "…" + other[start:]


def _row(one: str, other: str, half: int, mark: str) -> str:
    return f"{mark}{_fit(one, half - 2)}{_GAP}{_fit(other, half - 2)}".rstrip()


def _fit(text: str, width: int) -> str:
    """``text`` in exactly ``width`` columns; wide characters take two, control characters are shown."""
    room = width
    kept: list[str] = []
    for character in text.replace("\t", "    "):
        shown = character if character.isprintable() else "?"
        columns = 2 if unicodedata.east_asian_width(shown) in "WF" else 1
        if columns > room:
            kept[-1:] = ["…"]
            room = width - _columns("".join(kept))
            break
        kept.append(shown)
        room -= columns
    return "".join(kept) + " " * max(0, room)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
