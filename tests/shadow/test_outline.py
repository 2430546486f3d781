"""A difference between values that are too long to be looked through for secrets is told all the same."""

from __future__ import annotations

import pytest

from shadow import Verdict
from shadow.outline import MOST, Outlines
from tests.shadow.answers import answer, as_json, compared, seen

LONG = "card 4111 1111 1111 1111 " * (MOST // 25)
SECRET = "4111"


def test_a_long_text_is_told_by_its_length_and_where_it_parts() -> None:
    (found,) = compared(answer(LONG + "a", "text/plain"), answer(LONG + "b", "text/plain")).differences
    assert found.control != found.candidate
    for side in (found.control, found.candidate):
        assert f"of {len(LONG) + 1} characters, the first {len(LONG)} as in the other" in side
        assert SECRET not in side


@pytest.mark.parametrize("path", ["a", "password"])
def test_a_long_part_that_is_not_there_is_told_by_its_length(path: str) -> None:
    for value in (LONG, [LONG], {"x": LONG}):
        result = compared(as_json({path: value}), as_json({}))
        assert (result.verdict, seen(result)) == (Verdict.MISMATCH, {(f"body.{path}", "removed")})
        assert SECRET not in str(result.differences)
    assert compared(as_json({"a": LONG}), as_json({"a": 1})).differences[0].candidate == 1


def test_what_is_short_is_shown_whatever_is_long_beside_it() -> None:
    result = compared(as_json({"a": LONG, "b": "one"}), as_json({"a": LONG + "x", "b": "two"}))
    assert ("one", "two") in [(each.control, each.candidate) for each in result.differences]


def test_all_of_one_comparison_share_what_is_looked_through() -> None:
    outlines = Outlines(lambda label, text: f"<{label}>")
    text = "x" * (MOST // 4)
    assert outlines.pair(text, text + "y") == (text, text + "y")
    assert outlines.pair("a", "b") == ("a", "b")
    assert outlines.pair(text, 1) == (text, 1)
    assert outlines.pair(text, None)[0].startswith("<text> of")
    assert outlines.pair({"a": [text]}, 1.5) == (f"<object> of {len(text) + 10} characters", 1.5)
