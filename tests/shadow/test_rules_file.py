"""The rules file: what is refused, and in which words."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow import DEFAULT_RULES, RulesError, load_rules, parse_rules
from tests.shadow.answers import rule

GOOD = rule()


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[profile]\nuse = ["flask-to-fastapi"]\n[headers]\nalso = ["X-Total"]\n[redact]\nnames = ["phone"]\n'
        + GOOD
    )
    rules = load_rules(path)
    assert (rules.profiles, rules.headers, rules.redact_names) == (
        ("flask-to-fastapi",),
        ("x-total",),
        ("phone",),
    )
    assert [(each.id, each.owner, each.expires, each.pattern) for each in rules.rules] == [
        ("r1", "ops", date(2030, 1, 1), ("body", "a"))
    ]


def test_an_empty_file_has_no_rules() -> None:
    assert parse_rules("") == DEFAULT_RULES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]\n", ["line 1"]),
        ("# one\n[other]\n", ["line 2, [other]", "expected [profile]"]),
        ("other = 1\n", ["line 1, [other]"]),
        ("rule = 1\n", ["[rule]", "two brackets"]),
        ("rule = [1]\n", ["[[rule]] number 1", "a table"]),
        ("profile = 1\n", ["[profile]", "only the key use"]),
        ("[profile]\nuse = ['x']\n", ["line 2, [profile]", "'x'", "flask-to-fastapi"]),
        ("[headers]\nalso = []\n[profile]\n# x\nuse = 'x'\n", ["line 5, [profile]", "a list of names"]),
        ("[redact]\nnames = [1]\n", ["[redact]", "a list of names"]),
        (GOOD.replace('id = "r1"\n', ""), ["number 1", "id is missing"]),
        (GOOD.replace('owner = "ops"\n', ""), ["number 1 (r1)", "owner is missing"]),
        (GOOD.replace("expires = 2030-01-01\n", ""), ["expires is missing"]),
        (rule(expires='"soon"'), ["expires is 'soon'", "2030-01-31"]),
        (rule(expires="2030-01-01T00:00:00"), ["expires is", "a date without quotes"]),
        (rule(op="equal"), ["op is 'equal'", "one of equal-to, ignore"]),
        (GOOD.replace('op = "ignore"', "op = []"), ["op is []"]),
        (rule(path=""), ["path is missing"]),
        (rule(path="a.b"), ["'a.b'", "must start with status, header, body or **"]),
        (rule(path="body.[x"), ["'body.[x'", "cannot be read"]),
        (rule(path="body[3]"), ["cannot be read from '[3]' on"]),
        (rule(path='body["*"]'), ["wildcard"]),
        (rule(path='body["\\q"]'), ["line 6", "written wrong"]),
        (rule(path="body.(a+)+$"), ["line 6", "(a+)+$", "no regular expressions"]),
        (rule(path="**.id|name"), ["no regular expressions"]),
        (rule(op="regex"), ["op is 'regex'"]),
        (rule(path="body"), ["'body' covers objects and arrays", "force = true"]),
        (rule(path="body.a.**"), ["covers objects and arrays"]),
        (rule(force="yes"), ["force is 'yes'", "true or false"]),
        (rule(op="tolerance", absolute=-1), ["absolute is -1"]),
        (rule(op="tolerance") + "relative = inf\n", ["relative is inf"]),
        (rule(op="tolerance", force=True), ["force is not known for tolerance"]),
        (rule(op="equal-to", control=1), ["candidate is missing"]),
        (rule(path="", op="renamed-cookie"), ["from is missing"]),
        (rule(kinds=["new"]), ["kinds is ['new']", "added"]),
        (rule(id="a b"), ["id is 'a b'"]),
        (GOOD.replace('"ops"', '" "'), ["owner is ' '"]),
        (GOOD + GOOD, ["number 2 (r1)", "id 'r1' is taken"]),
    ],
)
def test_refused(text: str, words: list[str]) -> None:
    with pytest.raises(RulesError) as refusal:
        parse_rules(text, "shadow-rules.toml")
    message = str(refusal.value)
    assert message.startswith("shadow-rules.toml: ")
    assert "expected" in message
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RulesError, match=r"rules\.toml: file"):
        load_rules(path)


def test_force_lets_a_container_be_ignored() -> None:
    assert parse_rules(rule(path="body", force=True)).rules[0].force


VALUES = st.sampled_from(["1", '"x"', "true", "[]", "{}", "2030-01-01", "1.5", '["a"]', "{a=1}", '""'])
KEYS = st.sampled_from(
    ["id", "owner", "expires", "op", "path", "feature", "route", "force", "kinds", "absolute", "from", "x"]
)


@given(st.dictionaries(KEYS, VALUES))
def test_nothing_but_a_rules_error(table: dict[str, str]) -> None:
    text = "[[rule]]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
    with pytest.raises(RulesError):
        parse_rules(text)
