"""Every kind of answer of the comparison's rules, through the gateway: what is no difference is a match, and
what is one is found at its path."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import brotli
import httpx
import pytest
import zstandard

from tests.e2e.between import PATIENCE, Application, Asked, Between, Says, between
from tests.support.ports import wait_until

JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TEXT = {"Content-Type": "text/plain"}
EVENTS = {"Content-Type": "text/event-stream"}
PNG = {"Content-Type": "image/png"}
VALUE = json.dumps({"a": [1, 2], "name": "お茶"}).encode()


class Row(NamedTuple):
    """Both answers. ``found``: (path, kind) of every finding; none, and the two are a match."""

    legacy: tuple[bytes, dict[str, str]]
    new: tuple[bytes, dict[str, str]]
    found: set[tuple[str, str]]
    statuses: tuple[int, int] = (200, 200)


def coded(name: str, body: bytes, kind: dict[str, str] = JSON) -> tuple[bytes, dict[str, str]]:
    return body, {**kind, "Content-Encoding": name}


def said(*events: str) -> bytes:
    return "".join(f"event: token\ndata: {text}\n\n" for text in events).encode() + b"event: end\ndata: x\n\n"


def told(*texts: str) -> bytes:
    return "".join(
        f'data: {{"type": "token", "delta": {{"n": 0, "text": "{text}"}}}}\n\n' for text in texts
    ).encode()


def ranges(boundary: str, last: bytes = b"cd") -> tuple[bytes, dict[str, str]]:
    """Two ranges of a text, as RFC 9110, 14.6 has them."""
    part = "--{}\r\nContent-Type: text/plain\r\nContent-Range: bytes {}/9\r\n\r\n"
    head, middle = part.format(boundary, "0-1").encode(), b"\r\n" + part.format(boundary, "4-5").encode()
    body = head + b"ab" + middle + last + f"\r\n--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/byteranges; boundary={boundary}"}


NONE: set[tuple[str, str]] = set()
ROWS: dict[str, Row] = {
    "JSON in another order and spelling": Row(
        (b'{"a": [1, 2], "name": "\\u304a\\u8336"}', JSON),
        ('{"name":"お茶","a":[1,2]}'.encode(), JSON),
        NONE,
    ),
    "JSON, a type": Row((b'{"a": 1}', JSON), (b'{"a": "1"}', JSON), {("body.a", "type_changed")}),
    "JSON, a scalar alone": Row((b"1", JSON), (b"2", JSON), {("body", "value_changed")}),
    "JSON, null and nothing": Row((b'{"a": null}', JSON), (b"{}", JSON), {("body.a", "removed")}),
    "gzip and plain": Row(coded("gzip", gzip.compress(VALUE)), (VALUE, JSON), NONE),
    "br and zstd": Row(
        coded("br", brotli.compress(VALUE)), coded("zstd", zstandard.ZstdCompressor().compress(VALUE)), NONE
    ),
    "deflate, with a difference": Row(
        coded("deflate", zlib.compress(b'{"a": 1}')),
        coded("gzip", gzip.compress(b'{"a": 2}')),
        {("body.a", "value_changed")},
    ),
    "a page in another spelling": Row(
        (b'<p class="a" id="b">one\n  two</p>', HTML),
        (b"<p id='b'   class=a>one two</p>", HTML),
        NONE,
    ),
    "a page, an attribute": Row(
        (b'<a href="/x">go</a>', HTML), (b'<a href="/y">go</a>', HTML), {("href", "value_changed")}
    ),
    "a form in another spelling": Row((b"a=1+2&b=%41", FORM), (b"a=1%202&b=A", FORM), NONE),
    "a form, a field": Row((b"a=1&b=2", FORM), (b"a=1&b=3", FORM), {("body.b[*]", "value_changed")}),
    "text": Row((b"one", TEXT), (b"two", TEXT), {("body", "value_changed")}),
    "a long text, at its end": Row(
        (b"a { color: red }\n" * 60_000 + b"b", TEXT),
        (b"a { color: red }\n" * 60_000 + b"c", TEXT),
        {("body", "value_changed")},
    ),
    "a long part that one side leaves out": Row(
        (json.dumps({"a": 1, "rest": [{"name": f"no {n}"} for n in range(40_000)]}).encode(), JSON),
        (b'{"a": 1}', JSON),
        {("body.rest", "removed")},
    ),
    "events cut in other places": Row((said("abc", "def"), EVENTS), (said("a", "bcd", "ef"), EVENTS), NONE),
    "events that say what they are, cut in other places": Row(
        (told("abc", "def"), EVENTS), (told("a", "bcd", "ef"), EVENTS), NONE
    ),
    "events, what they say": Row((said("abc"), EVENTS), (said("abd"), EVENTS), {("data", "value_changed")}),
    "events, their types": Row(
        (b"event: a\ndata: x\n\n", EVENTS), (b"event: b\ndata: x\n\n", EVENTS), {("event", "value_changed")}
    ),
    "binary": Row(
        (b"\x89PNG\0" * 9, PNG),
        (b"\x89PNG\1" * 9, PNG),
        {("body.sha256", "value_changed")},
    ),
    "gzip in two members, with a difference in the second": Row(
        coded("gzip", gzip.compress(b'{"a": ') + gzip.compress(b"1}")),
        coded("gzip", gzip.compress(b'{"a": ') + gzip.compress(b"2}")),
        {("body.a", "value_changed")},
    ),
    "ranges behind boundaries of their own": Row(ranges("f3a1"), ranges("09bc"), NONE, (206, 206)),
    "ranges, one of them": Row(
        ranges("f3a1"), ranges("09bc", b"cx"), {("body[*].sha256", "value_changed")}, (206, 206)
    ),
    "a redirect to where it was asked": Row(
        (b"", {"Location": "http://shop.example/in?a=1"}), (b"", {"Location": "/in?a=1"}), NONE, (302, 302)
    ),
    "a redirect elsewhere": Row(
        (b"", {"Location": "/in"}), (b"", {"Location": "/out"}), {("header.location", "header")}, (302, 302)
    ),
    "307 and 308": Row((b"", {}), (b"", {}), {("status", "status")}, (307, 308)),
    "a cookie's value": Row(
        (b"{}", {**JSON, "Set-Cookie": "sid=1; Path=/; HttpOnly"}),
        (b"{}", {**JSON, "Set-Cookie": "sid=2; httponly; path=/"}),
        NONE,
    ),
    "a cookie's flag": Row(
        (b"{}", {**JSON, "Set-Cookie": "sid=1; Path=/; HttpOnly"}),
        (b"{}", {**JSON, "Set-Cookie": "sid=1; Path=/"}),
        {("header.set-cookie.sid.httponly", "header")},
    ),
    "a cookie's name": Row(
        (b"{}", {**JSON, "Set-Cookie": "sid=1"}),
        (b"{}", {**JSON, "Set-Cookie": "session=1"}),
        {("header.set-cookie.sid", "removed"), ("header.set-cookie.session", "added")},
    ),
    "the Allow of a 405": Row(
        (b"{}", {**JSON, "Allow": "GET, POST"}),
        (b"{}", {**JSON, "Allow": "GET"}),
        {("header.allow", "header")},
        (405, 405),
    ),
    "another type of content": Row((b"{}", JSON), (b"{}", TEXT), {("header.content-type", "type_changed")}),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    def side(number: int) -> Application:
        def application(asked: Asked) -> Says:
            row = ROWS[asked.headers["x-row"]]
            body, headers = (row.legacy, row.new)[number]
            return Says(body, row.statuses[number], tuple(headers.items()))

        return application

    with between(
        tmp_path_factory.mktemp("kinds"),
        side(0),
        side(1),
        shadow="control_twice = 0",
    ) as running:
        yield running


@pytest.mark.parametrize("name", ROWS)
def test_what_differs_is_found_and_nothing_else(gateway: Between, name: str) -> None:
    row, place = ROWS[name], f"/row/{list(ROWS).index(name) + 1}x"
    before = gateway.books()
    change: Counter[str] = Counter()
    for asked in range(1, 11):
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=PATIENCE) as client:
            headers = {"X-User": f"{name}-{asked}", "X-Row": name, "Host": "shop.example"}
            with client.stream("GET", place, headers=headers) as answer:
                assert answer.status_code == row.statuses[0]
                assert sum(map(len, answer.iter_raw())) == len(row.legacy[0])
        change = gateway.settled(eligible=before["eligible"] + asked) - before
        if change["match"] + change["mismatch"]:  # a busy machine leaves some uncompared
            break
    assert (change["match"], change["mismatch"]) == ((0, 1) if row.found else (1, 0)), change
    if not row.found:
        return
    found: set[tuple[str, str]] = set()

    def look() -> bool:
        listed = gateway.banyan("diffs").data
        found.update((one["path"], one["kind"]) for one in listed if one["route"] == f"GET {place}")
        return len(found) >= len(row.found)

    with suppress(TimeoutError):
        wait_until(look, 60, "the findings")
    for path, kind in row.found:
        assert any(one.endswith(path) and each == kind for one, each in found), found
    assert len(found) == len(row.found)
