"""The walk: what it finds, in which words, and that its verdict is DeepDiff's."""

from __future__ import annotations

import json
from datetime import date
from itertools import islice
from typing import Any

import pytest
from deepdiff import DeepDiff
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shadow import DEFAULT_RULES, Observation, RequestSnapshot, compare, subjects
from shadow.explain_helper import differences
from shadow.profile import PROFILES
from shadow.walk import walk

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.sampled_from([0, 1, 2**53, 2**53 + 1, 0.0, 1.0, -0.0, 1.5])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
KEYS = st.sampled_from(["a", "b", "__c", "", "x.y", "[*]"]) | st.text(max_size=2)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def mutated(value: Any, draw: st.DrawFn) -> Any:
    """``value`` with one place changed, so that most pairs are nearly equal."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutated(value[key], draw)}
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], mutated(value[index], draw), *value[index + 1 :]]
    return draw(JSON)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    value = draw(JSON)
    return value, draw(st.sampled_from([value, mutated(value, draw)]))


def found(control: Any, candidate: Any) -> set[tuple[str, str]]:
    return {(".".join(each.path), each.kind.value) for each in walk(control, candidate)}


@settings(max_examples=300, deadline=None)
@given(pairs())
@example(([1, True, 1.0], [1.0, 1, True]))
@example(({"__a": 1}, {"__a": 2}))
@example(([1, 1, 2], [1, 2]))
@example((2**53, 2**53 + 1))
@example(([{"a": 2**63}], [{"a": 2**63 + 1}]))
def test_the_walks_verdict_is_deepdiffs_verdict(pair: tuple[Any, Any]) -> None:
    explained = differences(*pair)
    assert "result" in explained, explained
    assert bool(found(*pair)) == bool(explained["result"])


@given(JSON)
def test_a_value_equals_itself(value: Any) -> None:
    assert not found(value, value)


@pytest.mark.parametrize(
    ("control", "candidate", "expected"),
    [
        ({"a": 1}, {}, {("body.a", "removed")}),
        ({}, {"a": None}, {("body.a", "added")}),
        ({"a": None}, {"a": 0}, {("body.a", "type_changed")}),
        ({"a": 1}, {"a": True}, {("body.a", "type_changed")}),
        ({"a": 1}, {"a": 1.0}, {("body.a", "type_changed")}),
        ({"a": "1"}, {"a": 1}, {("body.a", "type_changed")}),
        ({"a": {}}, {"a": []}, {("body.a", "type_changed")}),
        ({"a": "x"}, {"a": "y"}, {("body.a", "value_changed")}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 3}, {"b": 4}]}, {("body.a.[*].b", "value_changed")}),
        ([1, 2], [1, 2, 3], {("body.[*]", "added")}),
        ([1, 2, 3], [1, 3], {("body.[*]", "removed")}),
        (1, 2, {("body", "value_changed")}),
    ],
)
def test_kinds(control: Any, candidate: Any, expected: set[tuple[str, str]]) -> None:
    assert found(control, candidate) == expected


def test_the_profile_knows_whole_floats_and_utc_but_no_more() -> None:
    same = PROFILES["flask-to-fastapi"].same
    equal = [({"a": 1}, {"a": 1.0}), (["2024-01-01T00:00:00+00:00"], ["2024-01-01T00:00:00Z"])]
    different = [
        (1, 1.5),
        (1, True),
        (1.0, True),
        (2**53 + 1, float(2**53)),
        ("2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00Z"),
    ]
    assert [list(walk(*pair, same)) for pair in equal] == [[], []]
    assert all(list(walk(*pair, same)) for pair in different)


def test_it_stops_when_nobody_reads_on() -> None:
    walking = walk([{"a": 1}] * 1000, [{"a": 2}] * 1000)
    assert [each.path for each in islice(walking, 2)] == [("body", "[*]", "a")] * 2


class TestTraps:
    """What DeepDiff does when it is asked carelessly, and what is done here instead."""

    def test_1_private_keys_are_compared(self) -> None:
        assert DeepDiff({"__a": 1}, {"__a": 2}) == {}
        assert found({"__a": 1}, {"__a": 2})
        assert differences({"__a": 1}, {"__a": 2})["result"]

    def test_2_repetition_counts(self) -> None:
        assert DeepDiff([1, 1, 2], [1, 2], ignore_order=True) == {}
        assert found([1, 1, 2], [1, 2])

    def test_3_a_reached_limit_is_not_equality(self) -> None:
        explained = differences(
            [[index, index] for index in range(6000)], [[-index, -index - 1] for index in range(6000)]
        )
        assert explained == {"reason": "DeepDiff reached its limit"}

    def test_4_a_change_is_not_folded_into_its_object(self) -> None:
        one, other = {"a": {"b": 1, "c": 2, "d": 3}}, {"a": {"x": 1, "y": 2, "d": 4}}
        assert list(DeepDiff(one, other)) == ["values_changed"]
        result = differences(one, other)["result"]
        assert set(result) == {"values_changed", "dictionary_item_added", "dictionary_item_removed"}
        assert ("body.a.d", "value_changed") in found(one, other)

    def test_5_no_path_is_left_out_by_the_explanation(self) -> None:
        assert differences({"a": 1, "b": 1}, {"a": 2, "b": 2})["result"]["values_changed"].keys() == {
            "root['a']",
            "root['b']",
        }

    @pytest.mark.parametrize("base", [2**53, 2**63, 2**64, 10**30])
    def test_6_big_integers_that_differ_by_one_differ(self, base: int) -> None:
        assert found({"a": base}, {"a": base + 1})
        assert list(walk({"a": base}, {"a": base + 1}, PROFILES["flask-to-fastapi"].same))

    def test_7_an_element_at_the_head_is_one_difference(self) -> None:
        items = [{"id": index} for index in range(100)]
        assert [each.kind.value for each in walk(items, [{"id": -1}, *items])] == ["added"]

    def test_8_deep_nesting_is_walked_without_recursion(self) -> None:
        one: Any = 1
        other: Any = 2
        for _ in range(5000):
            one, other = [one], [other]
        assert len(list(walk(one, other))) == 1

    def test_9_what_deepdiff_is_shown_holds_no_secret(self) -> None:
        raw = DeepDiff({"password": "planted-1"}, {"password": "planted-2"})
        assert "planted-1" in repr(raw)
        kind = ((b"Content-Type", b"application/json"),)
        sides = [
            Observation("golden", 200, kind, json.dumps({"password": f"planted-{number}"}).encode())
            for number in (1, 2)
        ]
        request = RequestSnapshot("GET", "/", (), b"")
        comparison = compare(request, sides[0], sides[1], DEFAULT_RULES, today=date(2030, 1, 1))
        assert comparison.unexcused
        shown = differences(*subjects(comparison))
        assert shown["result"]
        assert "planted" not in repr((comparison, subjects(comparison), shown))

    def test_10_equal_in_python_is_not_equal(self) -> None:
        assert [1, 1, 1.0] == [1.0, True, True]
        assert len(list(walk([1, 1, 1.0], [1.0, True, True]))) == 3

    def test_11_lists_are_not_compared_by_python_equality(self) -> None:
        assert DeepDiff([1], [True]) == {}
        assert differences([1], [True])["result"]
        assert found([1], [True])
