"""What a session began with: what is signed comes back, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags import FeatureState, FlagSnapshot, evaluate, position
from gateway.sessions import Beginning, Beginnings

SECRET = b"0123456789abcdef0123456789abcdef"
NAMES = frozenset({"orders", "carts"})
KEY = b"0" * 32
NOON = 1_800_000_000.0
DAY = 86_400.0
BEGAN = Beginning(int(NOON), {"orders": 1000, "carts": 0})


@pytest.fixture
def beginnings() -> Beginnings:
    return Beginnings(NAMES, SECRET, DAY)


def test_what_was_signed_comes_back(beginnings: Beginnings) -> None:
    text = beginnings.text(KEY, BEGAN)
    assert beginnings.of(KEY, text, NOON + 60) == BEGAN._replace(told=True)
    assert Beginnings(NAMES, SECRET, DAY).of(KEY, text, NOON + 60) == BEGAN._replace(told=True)


def test_without_a_word_a_session_begins_now(beginnings: Beginnings) -> None:
    assert beginnings.of(KEY, b"", NOON) is None


@pytest.mark.parametrize(
    ("feature", "now", "dial", "kept"),
    [
        pytest.param("orders", 5000, 1000, 1000, id="raised since: the dial it began with counts"),
        pytest.param("orders", 400, 1000, 400, id="lowered since: a later raise does not undo that"),
        pytest.param("reports", 5000, None, 1000, id="a feature whose raises take every session"),
    ],
)
def test_what_a_session_that_is_known_is_told(
    beginnings: Beginnings, feature: str, now: int, dial: int | None, kept: int
) -> None:
    text = beginnings.text(KEY, BEGAN)
    snapshot = FlagSnapshot(1, features={name: FeatureState(percent=now) for name in (*NAMES, "reports")})
    seen = beginnings.seen(KEY, text, feature, snapshot, NOON + 60)
    assert (seen.dial, seen.beginning.dials["orders"]) == (dial, kept)
    assert seen.beginning.told == (kept == 1000)


def test_a_session_that_begins_has_the_dials_of_now(beginnings: Beginnings) -> None:
    snapshot = FlagSnapshot(1, features={name: FeatureState(percent=700) for name in NAMES})
    seen = beginnings.seen(KEY, b"", "carts", snapshot, NOON)
    assert seen == (Beginning(int(NOON), {"orders": 700, "carts": 700}), 700)


def test_a_session_that_is_over_is_followed_by_another(beginnings: Beginnings) -> None:
    text = beginnings.text(KEY, BEGAN)
    assert beginnings.of(KEY, text, NOON + DAY - 1) is not None
    assert beginnings.of(KEY, text, NOON + DAY) is None


@given(st.data())
def test_an_altered_word_is_a_session_that_no_raise_takes(data: st.DataObject) -> None:
    beginnings = Beginnings(NAMES, SECRET, DAY)
    text = beginnings.text(KEY, BEGAN)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[place]))
    forged = text[:place] + bytes([other]) + text[place + 1 :]
    assert beginnings.of(KEY, forged, NOON) == Beginning(int(NOON), {})


@given(st.binary(min_size=1, max_size=200))
def test_anything_else_is_one_too(text: bytes) -> None:
    assert Beginnings(NAMES, SECRET, DAY).of(KEY, text, NOON) == Beginning(int(NOON), {})


@pytest.mark.parametrize(
    "other",
    [
        Beginnings(NAMES, b"another secret, also 32 bytes long", DAY).text(KEY, BEGAN),
        Beginnings(NAMES, SECRET, DAY).text(b"1" * 32, BEGAN),
    ],
    ids=["another secret", "another key"],
)
def test_a_word_of_others_is_one_too(beginnings: Beginnings, other: bytes) -> None:
    assert beginnings.of(KEY, other, NOON) == Beginning(int(NOON), {})


def test_a_feature_that_came_later_was_not_there(beginnings: Beginnings) -> None:
    text = Beginnings(frozenset({"orders"}), SECRET, DAY).text(KEY, Beginning(int(NOON), {"orders": 1000}))
    found = beginnings.of(KEY, text, NOON)
    assert found is not None
    assert (found.dials.get("orders"), found.dials.get("carts")) == (1000, None)


def test_where_nothing_can_be_signed_no_raise_takes_anybody() -> None:
    beginnings = Beginnings(NAMES, None, DAY)
    assert beginnings.text(KEY, BEGAN) == b""
    assert beginnings.of(KEY, b"", NOON) == Beginning(int(NOON), {}, True)


def test_a_lower_dial_is_remembered(beginnings: Beginnings) -> None:
    lowered = beginnings.text(KEY, BEGAN.lowered("orders", 500))
    found = beginnings.of(KEY, lowered, NOON)
    assert found is not None
    assert found.dials == {"orders": 500, "carts": 0}


@given(began=st.integers(0, 10_000), dial=st.integers(0, 10_000), key=st.text(max_size=40))
def test_the_lower_of_both_dials_counts(began: int, dial: int, key: str) -> None:
    found = evaluate(FeatureState(dial), "orders", key, None, began)
    assert found.share == min(began, dial)
    assert found.selected == (position("orders", key) < min(began, dial))
    assert evaluate(FeatureState(dial), "orders", key).share == dial
