"""Heads as they go out."""

from gateway.core.headers import read_request_fields
from gateway.core.message import ResponseHead, request_line
from gateway.core.target import parse_target
from gateway.wire import (
    answer_head,
    answer_lines,
    chunk,
    date_line,
    gateway_answer,
    public_field,
    request_fields,
    request_head,
    status_line,
)


def asked(method: bytes, *fields: tuple[bytes, bytes], upgrade: bytes = b"") -> bytes:
    """The head of a request to an upstream."""
    facts = read_request_fields([(b"Host", b"a"), *fields])
    facts.upgrade = upgrade
    head = request_line(method, parse_target(method, b"/x"))
    return request_head(head, facts, request_fields(facts, b"Ours: 1\r\n"))


def test_a_request_has_one_framing() -> None:
    """Made from the facts, behind everything else."""
    assert asked(b"GET", (b"A", b"b")) == b"GET /x HTTP/1.1\r\nHost: a\r\nA: b\r\nOurs: 1\r\n\r\n"
    assert asked(b"PUT", (b"Content-Length", b"007")).endswith(b"Ours: 1\r\nContent-Length: 7\r\n\r\n")
    assert asked(b"PUT", (b"Transfer-Encoding", b"CHUNKED")).endswith(b"Transfer-Encoding: chunked\r\n\r\n")
    assert asked(b"GET", upgrade=b"websocket").endswith(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")


def test_max_forwards_counts_for_options_only() -> None:
    """RFC 9110 section 7.6.2."""
    assert b"Max-Forwards: 2\r\n" in asked(b"OPTIONS", (b"Max-Forwards", b"3"))
    assert b"Max-Forwards: 3\r\n" in asked(b"GET", (b"Max-Forwards", b"3"))


def test_an_answer() -> None:
    """Status line, fields, ours, framing, end."""
    lines = answer_lines(ResponseHead(200, b"Fine", 1, ()), [(b"A", b"b"), (b"A", b"c")], b"Ours: 1\r\n")
    assert answer_head(lines, b"More: 1\r\n", chunked=True, close=True) == (
        b"HTTP/1.1 200 Fine\r\nA: b\r\nA: c\r\nOurs: 1\r\nMore: 1\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    assert answer_head(lines, b"", chunked=False, close=False) == lines + b"\r\n"
    assert date_line(1.9) == b"Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n"


def test_status_lines_and_chunks() -> None:
    """The standard phrase where there is none."""
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"
    assert status_line(299) == b"HTTP/1.1 299 \r\n"
    assert chunk(b"a" * 17) == b"11\r\n" + b"a" * 17 + b"\r\n"


def test_public_addresses() -> None:
    """Only in the two fields, only the whole authority."""
    origins = (b"//app:1", b"//[::1]:2")
    public = b"https://shop"
    assert public_field((b"Location", b"http://APP:1/x"), origins, public) == (b"Location", b"https://shop/x")
    assert public_field((b"content-location", b"//[::1]:2?q"), origins, public)[1] == b"https://shop?q"
    for value in (
        b"http://app:12/x",
        b"http://app:1@evil/",
        b"/x",
        b"//",
        b"",
        b"x//app:1/",
        b"ftp://app:1/",
    ):
        assert public_field((b"Location", value), origins, public)[1] == value
    assert public_field((b"Link", b"http://app:1/x"), origins, public)[1] == b"http://app:1/x"


def test_an_answer_of_our_own() -> None:
    """A HEAD gets its head only; shedding says when to come back."""
    whole = gateway_answer(503, "busy")
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"\r\nRetry-After: 1" in head
    assert b"Content-Length: %d" % len(body) in head
    assert b"\r\nProxy-Status: banyan; error=connection_limit_reached" in head
    assert gateway_answer(503, "busy", head_only=True).endswith(b"\r\n\r\n")
