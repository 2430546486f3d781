"""Redaction is linear: whatever a client can think of is gone through once.

There is no clock here: where a pattern went back for each character, one of these would take many minutes.
"""

from __future__ import annotations

import pytest

from shadow import Redactor

REDACTOR = Redactor(b"a key")
SIZE = 1_000_000
SMALLER = 20_000
"""Enough where the same patterns are reached through other doors."""

HOSTILE = (
    # tokens that begin and never become one
    *("eyJ-", "eyJaaaaa.", "eyJaaaaa.eyJ-", "a.", "-eyJaaaaaa", "eyJ", "eyJaaaaa.aa."),
    # addresses without an end
    *("a", "a@", "a.a", "a@a", "@", "%40", "a%40", "a+", "a@a.", "\u3042", "\u3042@"),
    # numbers of cards, or nearly
    *("1", "1234 ", "1234-", "1234567890123", "1234 5678 9012 ", "1."),
    # schemes and keys
    *(
        "://",
        "://a",
        "://a@",
        "://a:@",
        "://@",
        "a@://",
        "%3A%2F%2F",
        "%3A%2F%2Fa",
        "Basic ",
        "Basic A:",
        "basic QQ",
    ),
    *("Bearer ", "bearer a", "sk_live_", "AKIA", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "BEGIN A"),
    # assignments whose value does not end
    *(
        "password",
        "password=",
        "password: ",
        'password="',
        'password="\\',
        "password='",
        "password=\\",
        "=",
        ":",
    ),
    *('{"password":"', '"password":', '\\"password\\":\\"', '"token":[', '"token":{', "password \n= ", "=="),
    *("x=\\\\\\\\\\\\\\\\", "\\", '\\"', 'password:\\\\"', "'", '"', "token-", "-token", "password=<"),
    # queries and paths
    *("?", "?a", "?a=", "&", "&a", "a=b&", "a=&", "?a&", "?a=b&", "a=b;", "%", "%41", "/", "/a", "//", "/1a"),
    *("http://", "https:/", "http://a", "http://a/", "/aB1", "/%", "~", "/token/", ".", "aB", "a1"),
    # tags that are never closed
    *(
        "<",
        "<input ",
        '<input "',
        "<input a=",
        '<input a="',
        "<input a='",
        "<input name=token value=",
        "<meta/",
    ),
    *(
        "<textarea name=token>",
        "<textarea>",
        "<password>",
        "<password",
        "</password>",
        "<password></password>",
    ),
    *("<a", "<a>", "<a b='", "&lt;", "&lt;token:", "<!--", "<input name=token value='a'>", "&#1"),
    # JSON
    *("[", "{", '{"a":', '"{', "[[1],", "data: {", "data: \n", "\n", " ", "\t=", "--", "--a\r\n", "\r\n\r\n"),
)
TYPES = ("", "text/plain", "text/html", "application/xml", "application/json", "text/event-stream")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=--", "application/octet-stream")


def at_length(piece: str, end: str) -> str:
    return piece * (SIZE // len(piece)) + end


@pytest.mark.parametrize("piece", HOSTILE)
def test_text(piece: str) -> None:
    assert REDACTOR.text(at_length(piece, "!"))


@pytest.mark.parametrize("kind", [*TYPES, *FORMS])
def test_bodies(kind: str) -> None:
    for piece in HOSTILE:
        body = at_length(piece, ">").encode()[:SMALLER]
        assert REDACTOR.body(b"<x " + body, kind)


@pytest.mark.parametrize("piece", HOSTILE)
def test_targets_headers_and_values(piece: str) -> None:
    text = at_length(piece, "!")[:SMALLER]
    assert REDACTOR.target("/" + text)
    assert REDACTOR.target("/?" + text)
    assert REDACTOR.headers(((b"referer", text.encode()), (b"set-cookie", text.encode())))
    assert REDACTOR.value({text: text, "password": text, "name": text, "value": [text]})
