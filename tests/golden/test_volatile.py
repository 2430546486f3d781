"""Which values are volatile, what they are called, and that nothing else is touched."""

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.fit import fit
from golden.volatile import form, matches, normalise, normalise_text

NAMED = {
    "2024-05-01T10:00:00": "⟨iso-timestamp⟩",
    "2024-05-01T10:00:00.123456": "⟨iso-timestamp⟩",
    "2024-05-01T10:00:00Z": "⟨iso-timestamp-utc⟩",
    "2024-05-01T10:00:00+00:00": "⟨iso-timestamp-utc⟩",
    "2024-05-01T10:00:00+09:00": "⟨iso-timestamp-offset⟩",
    "2024-05-01 10:00:00": "⟨timestamp⟩",
    "Wed, 01 May 2024 10:00:00 GMT": "⟨http-date⟩",
    "6f7c7f3c-3c0c-4f0e-8a43-9d4e6f0f5a10": "⟨uuid⟩",
    "0123456789abcdef0123456789abcdef": "⟨hex-32⟩",
    "00000000000000000000000000000001": "⟨hex-32⟩",
    "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl": "⟨jwt⟩",
    "seen 2024-05-01T10:00:00Z by 6f7c7f3c-3c0c-4f0e-8a43-9d4e6f0f5a10": "seen ⟨iso-timestamp-utc⟩ by ⟨uuid⟩",
}

UNTOUCHED = [
    "",
    "2024-05-01",
    "10:00:00",
    "1234567890123456",
    "deadbeef",
    "facefacefaceface",
    "gemini/gemini-1.5-flash",
    "InternalServerErrorExceptionHandlerFactory",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "日本語の文章です。",
    "/static/app-0.js",
    "a-very-long-slug-of-an-article-about-things",
    "SOME_VERY_LONG_CONSTANT_NAME_OF_A_KIND",
    "⟨iso-timestamp⟩",
]


@pytest.mark.parametrize(("text", "name"), NAMED.items())
def test_a_volatile_value_is_named(text: str, name: str) -> None:
    assert normalise_text(text) == name


@pytest.mark.parametrize("text", UNTOUCHED)
def test_everything_else_stays(text: str) -> None:
    assert normalise_text(text) == text


def test_names_decide_where_the_form_does_not() -> None:
    value = {
        "expires_at": 1700000000,
        "count": 1700000000,
        "t": {"timestamp": 1700000000.5},
        "exp": 1700000000000,
    }
    assert normalise(value) == {
        "expires_at": "⟨unix-seconds⟩",
        "count": 1700000000,
        "t": {"timestamp": "⟨unix-seconds-fraction⟩"},
        "exp": "⟨unix-milliseconds⟩",
    }
    assert normalise({"csrf_token": "AbC-dEf_1234567890", "title": "AbC-dEf_1234567890"}) == {
        "csrf_token": "⟨token-18⟩",
        "title": "AbC-dEf_1234567890",
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_normalising_twice_changes_nothing(value: Any) -> None:
    once = normalise(value)
    assert normalise(once) == once


@given(st.datetimes(), st.uuids(), st.binary(min_size=16, max_size=32))
def test_whatever_is_made_the_same_way_gets_the_same_name(
    at: datetime, number: uuid.UUID, raw: bytes
) -> None:
    assert normalise_text(at.isoformat()) == "⟨iso-timestamp⟩"
    assert normalise_text(at.replace(tzinfo=UTC).isoformat()) == "⟨iso-timestamp-utc⟩"
    assert normalise_text(str(number)) == "⟨uuid⟩"
    if any(digit in raw.hex() for digit in "0123456789"):  # letters alone are a word, and never random
        assert normalise_text(raw.hex()) == f"⟨hex-{len(raw) * 2}⟩"


ACCEPTED = [
    ("⟨hex-32⟩", "0" * 32, True),
    ("⟨hex-32⟩", "0" * 31, False),
    ("⟨hex-32⟩", 5, False),
    ("⟨iso-timestamp⟩", "2024-05-01T10:00:00", True),
    ("⟨iso-timestamp⟩", "2024-05-01T10:00:00Z", False),
    ("⟨integer⟩", 7, True),
    ("⟨integer⟩", True, False),
    ("⟨integer⟩", "7", False),
    ("⟨number⟩", 7.5, True),
    ("⟨string⟩", "x", True),
    ("⟨boolean⟩", False, True),
    ("⟨unix-seconds⟩", 1700000000, True),
    ("⟨unix-seconds⟩", 17, False),
    ("⟨unix-seconds⟩", 1700000000.5, False),
    ("⟨any⟩", None, True),
    ("<nothing>", "x", False),
]


@pytest.mark.parametrize(("placeholder", "value", "fits"), ACCEPTED)
def test_a_placeholder_checks_type_and_format(placeholder: str, value: Any, fits: bool) -> None:
    assert matches(placeholder, value) is fits
    assert (fit({"k": placeholder}, {"k": value}, {}) == {"k": placeholder}) is fits


def test_fit_reads_references_by_their_form() -> None:
    forms = {"id": "⟨digits⟩"}
    assert fit("Order {id} of {id}.", "Order 7 of 7.", forms) == "Order {id} of {id}."
    assert fit("Order {id}.", "Order .", forms) == "Order ."
    assert fit("Order {id}.", "Bill 7.", forms) == "Bill 7."
    assert fit("{id}", "17", forms) == "{id}"
    assert fit("{id}", "x", forms) == "x"
    assert fit("{id}", "x", {}) == "x"
    assert fit([1, "{id}"], ["1", "3", "4"], forms) == ["1", "{id}", "4"]


def test_the_form_of_a_value_handed_on() -> None:
    assert form(secrets.token_hex(16)) == "⟨hex-32⟩"
    assert form("42") == "⟨digits⟩"
    assert form("blue") == "⟨string⟩"


def test_a_token_that_happens_to_have_no_digit_is_named_like_the_others() -> None:
    letters = "QmVhdXRpZnVsTGlmZUlzQUdpZnRGcm9t"
    token = "".join(char for char in letters if char.isalpha())[:32].ljust(32, "Q")
    for text in (token, "xKqWvTzbRmYpLdHgJcNfSaQwErTyUiOp"[:32]):
        assert text.isalpha()
        assert normalise_text(text) == "⟨token-32⟩"
        assert normalise_text(f'<input value="{text}">') == '<input value="⟨token-32⟩">'
        assert form(text[:20]) == "⟨token-20⟩"
