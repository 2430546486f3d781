"""Status, content type and headers: the table, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from shadow import Verdict
from tests.shadow.answers import PROFILE, answer, compared, request, rule, seen


def head(control: dict[str, Any], candidate: dict[str, Any], rules: str = "") -> set[tuple[str, str]]:
    return seen(compared(answer("x", "text/plain", **control), answer("x", "text/plain", **candidate), rules))


@pytest.mark.parametrize(
    "name", ["Date", "Server", "Content-Length", "ETag", "X-Request-Id", "Vary", "Connection", "Via"]
)
def test_never_compared(name: str) -> None:
    assert head({name: "a"}, {name: "b"}) == head({name: "a"}, {}) == set()


@pytest.mark.parametrize(
    ("name", "one", "same", "other"),
    [
        ("Location", "/a?b=1", "http://shop.example/a?b=1", "/c"),
        ("Location", "http://SHOP.example", "/", "http://elsewhere.example/"),
        ("Cache-Control", "no-store, Private", "private,no-store", "public"),
        ("Allow", "GET, HEAD", "head,get", "GET"),
        ("WWW-Authenticate", "Bearer", "Bearer", "Basic"),
        (
            "WWW-Authenticate",
            'Digest realm="a", nonce="1"',
            'Digest realm="a", nonce="2"',
            'Digest realm="b"',
        ),
        ("Retry-After", "10", "10", "20"),
        ("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", "20"),
        ("Content-Disposition", "inline", "inline", "attachment"),
    ],
)
def test_compared_by_meaning(name: str, one: str, same: str, other: str) -> None:
    path = f"header.{name.lower()}"
    assert head({name: one}, {name.upper(): same}) == set()
    assert head({name: one}, {name: other}) == {(path, "header")}
    assert head({name: one}, {}) == {(path, "removed")}
    assert head({}, {name: one}) == {(path, "added")}


def test_a_header_named_by_the_rules_is_compared_too() -> None:
    rules = '[headers]\nalso = ["X-Total"]\n'
    assert head({"X-Total": "1"}, {"x-total": "2"}) == set()
    assert head({"X-Total": "1"}, {"x-total": "2"}, rules) == {("header.x-total", "header")}


def content_type(one: str, other: str, rules: str = "") -> set[tuple[str, str]]:
    return seen(compared(answer("x", one), answer("x", other), rules))


def test_the_charset_is_the_profiles_business() -> None:
    assert content_type("text/html", "text/html; charset=utf-8") == {("header.content-type", "header")}
    assert content_type("text/html", "text/html; charset=utf-8", PROFILE) == set()
    assert content_type("text/html; charset=UTF-8", 'Text/HTML;charset="utf-8"') == set()
    assert content_type("text/html; a=1", "text/html; a=2", PROFILE) == {("header.content-type", "header")}


def test_cookies_are_compared_by_name_and_attributes_never_by_value() -> None:
    one = {"Set-Cookie": "sid=aaaa; Path=/; HttpOnly; SameSite=Lax"}
    assert head(one, {"set-cookie": "sid=bbbb; path=/; samesite=lax; httponly"}) == set()
    assert head(one, {"set-cookie": "sid=bbbb; Path=/; SameSite=Lax"}) == {
        ("header.set-cookie.sid.httponly", "header")
    }
    assert head(one, {"set-cookie": "other=1"}) == {
        ("header.set-cookie.sid", "removed"),
        ("header.set-cookie.other", "added"),
    }


def test_a_cookie_that_is_deleted_differs_from_one_that_is_set() -> None:
    kept, gone = (
        {"Set-Cookie": "a=1; Max-Age=60"},
        {"Set-Cookie": "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"},
    )
    assert head(kept, gone) == {("header.set-cookie.a.deletes", "header")}
    assert head(kept, {"Set-Cookie": "a=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT"}) == set()
    assert head(kept, {"Set-Cookie": "a=1"}) == {("header.set-cookie.a.persistent", "header")}


def test_a_renamed_cookie_is_accepted_by_its_rule_and_its_attributes_are_still_compared() -> None:
    rules = rule(path="", op="renamed-cookie", **{"from": "session", "to": "sid"})
    one, other = (
        answer("x", "text/plain", Set_Cookie="session=1; HttpOnly"),
        answer("x", "text/plain", Set_Cookie="sid=2; HttpOnly"),
    )
    assert compared(one, other).verdict is Verdict.MISMATCH
    accepted = compared(one, other, rules)
    assert accepted.verdict is Verdict.ACCEPTED
    assert [(each.path, each.kind.value, each.excused_by) for each in accepted.differences] == [
        ("header.set-cookie.session", "renamed", "r1")
    ]
    open_cookie = answer("x", "text/plain", Set_Cookie="sid=2")
    assert seen(compared(one, open_cookie, rules)) == {("header.set-cookie.session.httponly", "header")}


def test_an_accepted_pair_of_statuses() -> None:
    rules = rule(path="status", op="equal-to", control=400, candidate=422)
    assert compared(answer(status=400), answer(status=422), rules).verdict is Verdict.ACCEPTED
    assert compared(answer(status=400), answer(status=500), rules).verdict is Verdict.MISMATCH
    assert request().method == "GET"
