"""Rules that are dead, too broad, expired: each named, with its reason."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shadow import RuleHit, lint_rules, parse_rules

TODAY = date(2030, 1, 1)
RULE = """
[[rule]]
id = "r"
owner = "ann"
expires = {expires}
op = "{op}"
path = "{path}"
{more}
"""


def lint(
    *hits: RuleHit,
    compared: int = 1000,
    op: str = "ignore",
    path: str = "body.at",
    expires: str = "2031-01-01",
    more: str = "",
) -> list[str]:
    rules = parse_rules(RULE.format(op=op, path=path, expires=expires, more=more))
    return [problem.what for problem in lint_rules(rules, hits, {"orders": compared}, TODAY)]


def hit(path: str = "body.at", kind: str = "value_changed", rule: str = "r") -> RuleHit:
    return RuleHit(rule, "orders", path, kind, 5, 0.0, 1.0)


@pytest.mark.parametrize(
    ("hits", "settings", "found"),
    [
        ([hit()], {}, []),
        ([], {}, ["dead"]),
        ([], {"compared": 499}, []),
        ([], {"more": 'feature = "users"'}, []),
        ([hit(rule="other")], {}, ["dead"]),
        ([], {"expires": "2029-12-31"}, ["expired"]),
        ([hit()], {"expires": "2030-01-10"}, ["expires-soon"]),
        ([hit(f"body.k{number}.at") for number in range(10)], {"path": "**.at"}, ["too-broad"]),
        ([hit(kind="removed")], {}, ["too-broad"]),
        ([hit(kind="removed")], {"more": 'kinds = ["removed"]'}, []),
        ([hit(kind="removed")], {"op": "same-type-and-format"}, []),
    ],
)
def test_each_kind_of_problem(hits: list[RuleHit], settings: dict[str, Any], found: list[str]) -> None:
    assert lint(*hits, **settings) == found
