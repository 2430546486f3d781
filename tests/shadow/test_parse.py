"""Parsing: exact, and honest about what cannot be trusted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow.parse import MAX_DEPTH, Parsed, Unreadable, canonical, parse_json, parse_pair
from tests.shadow.test_walk import JSON


@settings(deadline=None)
@given(JSON)
def test_both_ways_to_write_json_are_parsed_exactly(value: Any) -> None:
    for text in (
        json.dumps(value, indent=2, sort_keys=True),
        json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    ):
        parsed = parse_json(text.encode("utf-8", "surrogatepass"))
        assert isinstance(parsed, Parsed)
        assert canonical(parsed.value) == canonical(value) == parsed.canonical


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":"\\u003a"}',
        b'{"a":[{"b":1,"b":2}]}',
        b'{"\\u0061":1,"a":2}',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[" + b"9" * 5000 + b"]",
    ],
)
def test_ambiguous_json_is_not_compared(body: bytes) -> None:
    parsed = parse_json(body)
    assert isinstance(parsed, Unreadable)
    assert not parsed.invalid


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"a":}', b"\xff", b"[1,]", b"\xef\xbb\xbf[]"])
def test_no_json_at_all(body: bytes) -> None:
    parsed = parse_json(body)
    assert isinstance(parsed, Unreadable)
    assert parsed.invalid


@pytest.mark.parametrize("brackets", [("[", "1", "]"), ('{"a":', "1", "}")])
def test_nesting_has_a_limit(brackets: tuple[str, str, str]) -> None:
    opening, middle, closing = brackets

    def nested(depth: int) -> bytes:
        return (opening * depth + middle + closing * depth).encode()

    assert isinstance(parse_json(nested(MAX_DEPTH)), Parsed)
    for depth in (MAX_DEPTH + 1, 254, 255, 900, 1100, 100_000):
        assert parse_json(nested(depth)) == Unreadable("nested deeper than 200", invalid=False), depth


def test_many_brackets_side_by_side_are_not_deep() -> None:
    body = json.dumps([{"a": [index]} for index in range(500)]).encode()
    parsed = parse_json(body)
    assert isinstance(parsed, Parsed)
    assert parsed.canonical == canonical(parsed.value)


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40])
def test_integers_are_exact(number: int) -> None:
    parsed = parse_json(str(number).encode())
    assert isinstance(parsed, Parsed)
    assert parsed.value == number
    assert type(parsed.value) is int


def test_half_a_surrogate_pair_is_parsed() -> None:
    assert isinstance(parse_json(b'["\\ud800"]'), Parsed)


BODIES = [
    b'{"a": 1}',
    b'{ "a":1 }\n',
    b'{"a": 1, "a": 1}',
    b'{"a": 1.0}',
    b'{"a": 12345678901234567890123}',
    b'{"a": 12345678901234567890124}',
    b'{"a": 1.2345678901234568e22}',
    b'{"a": "5e3"}',
    b'{"a\\u003a": 1}',
    b'{"a:": 1}',
    b"[" * 201 + b"]" * 201,
    b"[" * 200 + b"]" * 200,
    b"[" * 300 + b"]" * 300,
    b'{"a": NaN}',
    b"nothing",
    b"",
    b"18446744073709551615",
    b"18446744073709551616",
]


@pytest.mark.parametrize("one", BODIES)
@pytest.mark.parametrize("other", BODIES)
def test_a_pair_is_parsed_as_each_of_its_two(one: bytes, other: bytes) -> None:
    """The proof that serves both says nothing that the two proofs would not."""
    assert parse_pair(one, other) == (parse_json(one), parse_json(other))
    types = [type(parsed) for parsed in parse_pair(one, other)]
    assert types == [type(parse_json(one)), type(parse_json(other))]


@settings(deadline=None)
@given(JSON, st.booleans(), st.booleans())
def test_any_value_in_two_spellings(value: object, ascii_only: bool, indented: bool) -> None:
    one = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    other = json.dumps(value, sort_keys=True, indent=2 if indented else None).encode()
    assert parse_pair(one, other) == (parse_json(one), parse_json(other))
