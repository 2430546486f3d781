"""HTML: what a reader does not see is not compared, and no page can hold the reader up."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shadow import Verdict
from shadow.markup import hidden_values, read_html
from tests.shadow.answers import answer, compared, rule, seen

PAGE = """<!DOCTYPE html><html><body class="b a">
  <!-- comment --><form ACTION='/x'><input type=hidden name="csrf" value="a&amp;b"><br/>
  <p>Good &eacute;  morning</p></form><script>if (a < b) { "</p>" }</script></body></html>"""
SAME = """<html><body class="a  b"><form action="/x"><input value="a&#38;b" name=csrf type="hidden">
<br><p>Good é morning</p></form><script> if (a < b) { "</p>" } </script></body></html>"""


def html(text: str) -> bytes:
    return text.encode()


def test_reading() -> None:
    assert read_html(html(PAGE)) == [
        {"html": {}},
        {"body": {"class": "a b"}},
        {"form": {"action": "/x"}},
        {"input:csrf": {"type": "hidden", "name": "csrf", "value": "a&b"}},
        {"br": {}},
        {"p": {}},
        {"text": "Good é morning"},
        {"/p": {}},
        {"/form": {}},
        {"script": {}},
        {"text": 'if (a < b) { "</p>" }'},
        {"/script": {}},
        {"/body": {}},
        {"/html": {}},
    ]


def test_two_ways_to_write_one_page() -> None:
    assert (
        compared(
            answer(PAGE, "text/html"),
            answer(SAME, "text/html; charset=utf-8"),
            '[profile]\nuse=["flask-to-fastapi"]',
        ).verdict
        is Verdict.MATCH
    )


def test_one_field_can_be_named_by_a_rule() -> None:
    rules = rule(path="body[*].input:csrf.value", op="ignore")
    token, text = PAGE.replace("a&amp;b", "other"), PAGE.replace("morning", "evening")
    assert compared(answer(PAGE, "text/html"), answer(token, "text/html"), rules).verdict is Verdict.ACCEPTED
    assert seen(compared(answer(PAGE, "text/html"), answer(text, "text/html"), rules)) == {
        ("body[*].text", "value_changed")
    }


def test_hidden_values() -> None:
    page = (
        '<meta name=t content=1><input type="HIDDEN" id="u" value=2>'
        "<input name=v value=3><input type=hidden name=t value=4>"
    )
    assert hidden_values(html(page)) == {"t": "1", "u": "2"}


@given(st.text(alphabet="<>!-[]/&#;x'\"= \nabscript?", max_size=80))
@example("<![" * 50)
@example("<!--" * 50)
@example("&#" + "9" * 5000 + ";")
@example("<script>" * 20)
@example("<a b='" * 20)
def test_no_page_makes_it_raise(text: str) -> None:
    read_html(html(text))
    hidden_values(html(text))


@pytest.mark.parametrize("charset", ["no-such", "\0", "utf-16", "idna"])
def test_no_charset_makes_it_raise(charset: str) -> None:
    read_html(b"<p>\xff\xfe\xd8</p>", charset)
