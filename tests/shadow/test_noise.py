"""What is noise and what is not, by statistics; and what becomes a rule."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shadow import NoiseEvidence, Verdict, as_rule, is_itself, parse_rules
from tests.shadow.answers import as_json, compared

FAR = date(2030, 1, 31)


def evidence(control: int, candidate: int, runs: int, **more: Any) -> NoiseEvidence:
    fields = {"path": "body.at", "kind": "value_changed", "same_format": max(control, candidate), **more}
    return NoiseEvidence("orders", "GET /orders", control=control, candidate=candidate, runs=runs, **fields)


@pytest.mark.parametrize(
    ("control", "candidate", "runs", "noise"),
    [
        (40, 40, 40, True),  # a timestamp
        (29, 29, 29, False),  # too few runs
        (0, 40, 40, False),  # a regression
        (1, 40, 40, False),  # a regression, and once chance
        (0, 0, 40, False),
        (10, 12, 40, True),  # a cache that is sometimes cold
        (10, 40, 40, False),  # noisy, and a regression on top of it
        (200, 190, 1000, True),
        (1, 1, 1000, False),  # too rare to be worth a rule
    ],
)
def test_what_is_noise(control: int, candidate: int, runs: int, noise: bool) -> None:
    assert evidence(control, candidate, runs).is_noise is noise


@pytest.mark.parametrize(
    ("more", "op"),
    [
        ({}, "same-type-and-format"),
        ({"same_format": 39}, "ignore"),
        ({"kind": "added"}, "ignore"),
        ({"kind": "type_changed"}, "ignore"),
    ],
)
def test_the_narrowest_operation_is_proposed(more: dict[str, Any], op: str) -> None:
    assert evidence(40, 40, 40, **more).op == op


def test_a_proposal_is_a_rule_that_can_be_read() -> None:
    found = evidence(40, 38, 40, path='body["a.b"][*]')
    (rule,) = parse_rules(as_rule(found, 'Ann "the owner"', FAR)).rules
    assert (rule.owner, rule.expires, rule.op) == ('Ann "the owner"', FAR, "same-type-and-format")
    assert rule.pattern == ("body", "a.b", "[*]")
    assert (rule.feature, rule.route, set(rule.kinds)) == ("orders", "GET /orders", {"value_changed"})
    assert "40 of 40 runs" in rule.reason
    assert rule.holds("orders", "GET /orders", FAR)
    assert not rule.holds("orders", "GET /users", FAR)


class TestOneExchange:
    def test_noise_is_where_the_control_differs_from_itself(self) -> None:
        control, again, candidate = as_json({"at": 1}), as_json({"at": 2}), as_json({"at": 3})
        assert is_itself(compared(control, candidate), compared(control, again))

    def test_the_kind_counts(self) -> None:
        """A value that is noisy does not hide that it changed its type."""
        control, again, candidate = as_json({"at": 1}), as_json({"at": 2}), as_json({"at": "3"})
        assert not is_itself(compared(control, candidate), compared(control, again))

    def test_one_regression_beside_noise_is_enough(self) -> None:
        control, again = as_json({"at": 1, "n": 1}), as_json({"at": 2, "n": 1})
        assert not is_itself(compared(control, as_json({"at": 3, "n": 2})), compared(control, again))

    def test_a_match_is_no_noise(self) -> None:
        control = as_json({"at": 1})
        match = compared(control, control)
        assert match.verdict is Verdict.MATCH
        assert not is_itself(match, match)
