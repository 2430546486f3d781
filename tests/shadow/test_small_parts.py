"""The small parts: paths, formats, alignment, excerpts, cookies, statistics, the log line, the front door."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shadow
from shadow import ComparedExchange, Kind, Redactor, Severity, mismatch_line, mismatch_rate
from shadow.align import align
from shadow.cookies import cookie_pairs, parse_set_cookie
from shadow.correlation import MAX_VALUES, Correlations
from shadow.excerpt import MAX_TEXT, excerpts
from shadow.formats import formats_of, same_format
from shadow.multipart import read_parts
from shadow.paths import ANY_INDEX, parse_pattern, path_text
from shadow.verdict import AGAINST_CONFIDENCE, SEVERITY_OF, Verdict, worst
from tests.shadow.answers import REQUEST, as_json, compared

WILDCARDS = {"*", "**", "[*]"}


@given(
    st.lists(st.text(max_size=5).filter(lambda key: key not in WILDCARDS) | st.just(ANY_INDEX), max_size=4)
)
def test_a_path_that_is_written_can_be_read_as_a_pattern(tokens: list[str]) -> None:
    path = ("body", *tokens)
    assert parse_pattern(path_text(path)) == path


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("6b1f7c1e-3d0e-4a57-9f5a-2f0d6e1c9b11", {"uuid"}),
        ("2024-01-01T00:00:00.1+02:00", {"timestamp:T:offset"}),
        ("2024-01-01", {"date"}),
        ("Thu, 01 Jan 2026 00:00:00 GMT", {"http-date"}),
        ("12", {"number"}),
        ("12345678", {"number", "skeleton:w"}),
        ("0123456789012345", {"number", "hex:16"}),
        ("job_1", {"skeleton:w_w"}),
        (1, {"int"}),
        (1.5, {"float"}),
        ("two words", set()),
        ("", set()),
        (None, set()),
        (True, set()),
        ([1], set()),
    ],
)
def test_formats(value: Any, expected: set[str]) -> None:
    assert formats_of(value) == expected


def test_an_id_that_happens_to_hold_digits_only_keeps_its_format() -> None:
    assert same_format("1234567812345678", "12345678abcdefab")
    assert same_format("12345678", "1234abcd")


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_alignment_loses_nothing(one: list[int], other: list[int]) -> None:
    aligned = align(one, other)
    assert len(aligned.control) == len(aligned.candidate)
    assert len(aligned.removed) - len(aligned.added) == len(one) - len(other)
    assert not (aligned.removed and aligned.added)


def test_long_texts_are_shown_where_they_part() -> None:
    same = "x" * 10_000
    one, other = excerpts(same + "here", same + "there")
    assert one != other
    assert one.endswith("here")
    assert max(len(one), len(other)) <= MAX_TEXT + 2


def test_big_values_are_shortened() -> None:
    one, other = excerpts(
        {"a": [[[[[1]]]]], "b": list(range(1000))}, {str(index): 1 for index in range(1000)}
    )
    assert one["a"] == [[["…"]]]
    assert (len(one["b"]), len(other)) == (21, 21)
    assert excerpts(2**70, None) == (str(2**70), None)


def test_cookies_are_read_as_a_browser_reads_them() -> None:
    cookie = parse_set_cookie(
        b" a=b=c ; Path=/x; HttpOnly; Max-Age=oops; Expires=Thu, 01 Jan 1970 00:00:10 GMT"
    )
    assert cookie is not None
    assert (cookie.name, cookie.value, cookie.attributes["path"], cookie.attributes["httponly"]) == (
        "a",
        "b=c",
        "/x",
        "",
    )
    assert cookie.lifetime(0.0) == 10
    assert [parse_set_cookie(field) for field in (b"", b"x", b"=x", b"; a=b")] == [None] * 4
    assert list(cookie_pairs(b"a=1; b; =c; d=e=f")) == [("a", "1"), ("d", "e=f")]


def test_correlations_are_bounded() -> None:
    pairs = Correlations()
    for number in range(MAX_VALUES * 3):
        pairs.learn(f"value-{number}", f"other-{number}")
    assert pairs.replace("value-0") == "value-0"
    assert pairs.replace(f"value-{MAX_VALUES * 3 - 1}") == f"other-{MAX_VALUES * 3 - 1}"
    pairs.learn("x" * 5000, "y")
    assert pairs.replace("x" * 5000) == "x" * 5000


@pytest.mark.parametrize(
    ("matches", "mismatches", "value", "upper"),
    [(0, 0, 0.0, 1.0), (500, 0, 0.0, 0.00538), (90, 10, 0.1, 0.16036), (0, 5, 1.0, 1.0)],
)
def test_mismatch_rate(matches: int, mismatches: int, value: float, upper: float) -> None:
    rate = mismatch_rate(matches, mismatches)
    assert rate == pytest.approx((value, upper, matches + mismatches), abs=1e-4)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_bound_is_never_below_the_rate(matches: int, mismatches: int) -> None:
    rate = mismatch_rate(matches, mismatches)
    assert 0 <= rate.value <= rate.upper + 1e-12 <= 1 + 1e-9


def test_the_log_line_is_json_and_holds_no_secret() -> None:
    redactor = Redactor(b"key")
    one, other = as_json({"token": "planted-secret", "a": 1}), as_json({"token": "planted-other", "a": 2})
    result = ComparedExchange(
        "x1", "orders", "GET /orders", 1_750_000_000.5, redactor.request(REQUEST), redactor.observation(one),
        redactor.observation(other), compared(one, other, redactor=redactor), {"values_changed": {}},
    )  # fmt: skip
    line = mismatch_line(result)
    assert (line["event"], line["verdict"], line["severity"]) == ("shadow.mismatch", "mismatch", "medium")
    assert (line["time"], line["control"]["status"]) == ("2025-06-15T15:06:40.500+00:00", 200)
    assert [each["path"] for each in line["differences"]] == ["body.a", "body.token"]
    assert len(line["signatures"]) == 2
    assert line["deepdiff"] == {"values_changed": {}}
    assert b"planted" not in msgspec.json.encode(line)


def test_every_kind_has_a_severity_and_the_words_are_ordered() -> None:
    assert set(SEVERITY_OF) == set(Kind)
    assert worst([Severity.LOW, Severity.HIGH, Severity.MEDIUM]) is Severity.HIGH
    assert worst([]) is None
    assert Verdict.MATCH not in AGAINST_CONFIDENCE


def test_the_front_door_holds_what_it_names() -> None:
    assert sorted(shadow.__all__) == sorted(set(shadow.__all__))
    assert all(hasattr(shadow, name) for name in shadow.__all__)


PART = b"--x\r\nContent-Type: text/plain\r\n\r\none"
OPEN_END: tuple[dict[str, str], bytes] = ({}, b"")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"before\r\n" + PART + b"\r\n--x--\r\nbehind", [({"content-type": "text/plain"}, b"one")]),
        (PART, [({"content-type": "text/plain"}, b"one"), OPEN_END]),
        (
            PART + b"\r\n--x\r\nno head",
            [({"content-type": "text/plain"}, b"one"), ({"no head": ""}, b""), OPEN_END],
        ),
        (b"--x--", []),
        (b"nothing of it", [({}, b"\r\nnothing of it")]),
    ],
)
def test_the_parts_of_an_answer(body: bytes, found: list[tuple[dict[str, str], bytes]]) -> None:
    """What no closing boundary has ended shows."""
    assert read_parts(body, "x") == found
