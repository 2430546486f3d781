"""What each operation excuses, where rules hold, and when they stop holding."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shadow import Verdict, parse_rules
from tests.shadow.answers import PROFILE, as_json, compared, rule, seen


def verdict(control: Any, candidate: Any, rules: str, **scope: Any) -> Verdict:
    return compared(as_json(control), as_json(candidate), rules, **scope).verdict


ACCEPTED, MISMATCH = Verdict.ACCEPTED, Verdict.MISMATCH
UUIDS = ("6b1f7c1e-3d0e-4a57-9f5a-2f0d6e1c9b11", "0c9de3a4-5a9b-4d29-8a3c-7a4f5b1d2e33")


@pytest.mark.parametrize(
    ("op", "more", "control", "candidate", "expected"),
    [
        ("ignore", {}, 1, "x", ACCEPTED),
        ("ignore", {}, 1, {"b": 1}, MISMATCH),
        ("ignore", {}, [1], {}, MISMATCH),
        ("ignore", {"force": True}, {"b": 1}, {"b": 2}, ACCEPTED),
        ("ignore", {"kinds": ["value_changed"]}, 1, 2, ACCEPTED),
        ("ignore", {"kinds": ["value_changed"]}, 1, "2", MISMATCH),
        ("same-type-and-format", {}, *UUIDS, ACCEPTED),
        ("same-type-and-format", {}, UUIDS[0], "no uuid", MISMATCH),
        ("same-type-and-format", {}, "2024-01-01T00:00:00", "2025-06-01T12:00:00.123456", ACCEPTED),
        ("same-type-and-format", {}, "2024-01-01T00:00:00", "2025-06-01 12:00:00", MISMATCH),
        ("same-type-and-format", {}, "2024-01-01T00:00:00", "2025-06-01T12:00:00Z", MISMATCH),
        ("same-type-and-format", {}, "2024-01-01T00:00:00", 1735689600, MISMATCH),
        ("same-type-and-format", {}, "0123456789abcdef" * 2, "fedcba9876543210" * 2, ACCEPTED),
        ("same-type-and-format", {}, "0123456789abcdef" * 2, "0123456789abcdef", MISMATCH),
        ("same-type-and-format", {}, 1, 2, ACCEPTED),
        ("same-type-and-format", {}, 1, 2.5, MISMATCH),
        ("same-type-and-format", {}, 1, "2", MISMATCH),
        ("same-type-and-format", {}, True, False, MISMATCH),
        ("same-type-and-format", {}, "a sentence", "another one", MISMATCH),
        ("same-type-and-format", {}, "job_81f", "job_9", ACCEPTED),
        ("tolerance", {"absolute": 0.5}, 1.0, 1.4, ACCEPTED),
        ("tolerance", {"absolute": 0.5}, 1.0, 1.6, MISMATCH),
        ("tolerance", {"relative": 0.1}, 100, 109, ACCEPTED),
        ("tolerance", {"relative": 0.1}, 100, 111, MISMATCH),
        ("tolerance", {"absolute": 1}, 1, "1", MISMATCH),
        ("tolerance", {"absolute": 1}, 0, True, MISMATCH),
        ("tolerance", {"absolute": 1}, 1, 1.5, MISMATCH),
        ("number-tolerance", {"absolute": 1}, 1, 2, ACCEPTED),
        ("equal-to", {"control": "a", "candidate": "b"}, "a", "b", ACCEPTED),
        ("equal-to", {"control": "a", "candidate": "b"}, "a", "c", MISMATCH),
        ("equal-to", {"control": 1, "candidate": 2}, True, 2, MISMATCH),
    ],
)
def test_operations(op: str, more: dict[str, Any], control: Any, candidate: Any, expected: Verdict) -> None:
    assert verdict({"a": control}, {"a": candidate}, rule(op=op, **more)) is expected


def test_tolerance_is_exact_for_big_integers() -> None:
    rules = rule(op="tolerance", absolute=1)
    assert verdict({"a": 2**53}, {"a": 2**53 + 1}, rules) is ACCEPTED
    assert verdict({"a": 2**53}, {"a": 2**53 + 2}, rules) is MISMATCH


def test_a_removed_field_is_not_a_changed_value() -> None:
    assert verdict({"a": "2024-01-01T00:00:00"}, {}, rule(op="same-type-and-format")) is MISMATCH


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        ("body.a.b[*].c", True),
        ("**.c", True),
        ("body.**.c", True),
        ("body.*.b[*].c", True),
        ("body.a.b.*.c", True),
        ('body["a"].b[*]["c"]', True),
        ("body.a.b[*]", False),
        ("body.a.c", False),
        ("body.a.b.c", False),
        ("header.**.c", False),
        ("**.d", False),
    ],
)
def test_paths(path: str, covered: bool) -> None:
    control, candidate = {"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 2}]}}
    assert verdict(control, candidate, rule(path=path)) is (ACCEPTED if covered else MISMATCH)


def test_force_covers_everything_below() -> None:
    assert verdict({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": "x"}], "d": 1}}, rule(force=True)) is ACCEPTED
    assert verdict({"a": {"b": 1}}, {"a": {"b": 2}}, rule()) is MISMATCH


def test_timestamps_and_tokens_of_an_application_can_be_expressed() -> None:
    rules = (
        PROFILE
        + rule("clock", "**.timestamp", "same-type-and-format")
        + rule("csrf", "body.csrf_token", "same-type-and-format")
    )
    control = {"csrf_token": "a1" * 16, "history": [{"timestamp": "2024-01-01T00:00:00.5+00:00", "n": 1}]}
    candidate = {"csrf_token": "b2" * 16, "history": [{"timestamp": "2024-01-01T00:00:07.1+00:00", "n": 1.0}]}
    assert verdict(control, candidate, rules) is ACCEPTED
    candidate["history"].append({"timestamp": "2024-01-01T00:00:08.1+00:00", "n": 1})  # type: ignore[attr-defined]
    assert verdict(control, candidate, rules) is MISMATCH


def test_scope() -> None:
    change = ({"a": 1}, {"a": 2})
    by_feature, by_route = rule(feature="orders"), rule(route="GET /orders/*")
    assert verdict(*change, by_feature, feature="orders") is ACCEPTED
    assert verdict(*change, by_feature, feature="users") is MISMATCH
    assert verdict(*change, by_route, route="GET /orders/{id}") is ACCEPTED
    assert verdict(*change, by_route, route="GET /users") is MISMATCH


def test_an_expired_rule_excuses_nothing_and_is_named() -> None:
    change = ({"a": 1}, {"a": 2})
    assert verdict(*change, rule(expires="2026-03-01")) is ACCEPTED  # its last day is today
    assert verdict(*change, rule(expires="2026-02-28")) is MISMATCH
    rules = parse_rules(rule("old", expires="2026-02-28") + rule("young"))
    assert rules.problems(date(2026, 2, 28)) == ()
    assert rules.problems(date(2026, 3, 1)) == (
        "rule 'old' (owner ops) expired on 2026-02-28 and excuses nothing any more",
    )


class TestUnordered:
    RULES = rule("set", "body.items", "unordered")

    def test_another_order_is_accepted_and_shown(self) -> None:
        result = compared(as_json({"items": [3, 1, 2]}), as_json({"items": [1, 2, 3]}), self.RULES)
        assert result.verdict is ACCEPTED
        assert [(each.path, each.kind.value, each.excused_by) for each in result.differences] == [
            ("body.items", "order", "set")
        ]

    def test_repetition_counts(self) -> None:
        assert verdict({"items": [1, 1, 2]}, {"items": [2, 1]}, self.RULES) is MISMATCH
        assert verdict({"items": [1, 1, 2]}, {"items": [2, 2, 1]}, self.RULES) is MISMATCH

    def test_only_the_element_that_differs_is_reported(self) -> None:
        items = [{"id": index, "n": index} for index in range(50)]
        changed = [*items[10:], {"id": 3, "n": "x"}, *items[4:10], *items[:3]]
        result = compared(as_json({"items": items}), as_json({"items": changed}), self.RULES)
        assert seen(result) == {("body.items[*].n", "type_changed")}
        assert [each.count for each in result.unexcused] == [1]

    def test_what_may_differ_does_not_tell_elements_apart(self) -> None:
        rules = self.RULES + rule("clock", "**.at", "same-type-and-format")
        control = [{"at": "2024-01-01T00:00:09", "id": "a"}, {"at": "2024-01-01T00:00:01", "id": "b"}]
        candidate = [{"at": "2024-01-01T00:00:05", "id": "b"}, {"at": "2024-01-01T00:00:06", "id": "a"}]
        assert verdict({"items": control}, {"items": candidate}, rules) is ACCEPTED

    def test_lists_within_lists(self) -> None:
        rules = rule("set", "**.tags", "unordered")
        assert verdict([{"tags": ["a", "b"]}], [{"tags": ["b", "a"]}], rules) is ACCEPTED
        assert verdict({"tags": [{"tags": [1, 2]}, 3]}, {"tags": [3, {"tags": [2, 1]}]}, rules) is ACCEPTED
        assert verdict([["a", "b"]], [["b", "a"]], rules) is MISMATCH
