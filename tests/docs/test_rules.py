"""The page of the two files that people write: its examples are read as they are, and no kind is missing."""

from __future__ import annotations

import re
from pathlib import Path

from golden import Flow
from shadow import Kind, parse_rules
from tests.docs.repository import read

PAGE = "docs/rules.md"


def examples() -> list[str]:
    """The TOML on the page."""
    return re.findall(r"^```toml\n(.*?)^```", read(PAGE), re.M | re.S)


def test_the_rules_of_the_page_are_rules() -> None:
    (rule,) = parse_rules(examples()[0]).rules
    assert (rule.id, rule.op, rule.feature) == ("clock", "same-type-and-format", "orders")


def test_the_flow_of_the_page_is_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "orders.toml"
    path.write_text(examples()[1], "utf-8")
    assert [step.name for step in Flow.load(path).steps] == ["token", "order"]


def test_every_kind_is_on_the_page() -> None:
    assert [kind for kind in Kind if f"`{kind}`" not in read(PAGE)] == []
