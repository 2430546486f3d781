"""Heads that have been read before mean the same again, and nothing else is taken for one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from gateway.core.headers import RequestFacts, ResponseFacts, read_request_fields, read_response_fields
from gateway.core.memory import Memory
from gateway.core.message import RequestHead, ResponseHead, request_line
from gateway.core.target import parse_target
from gateway.wire import KnownAnswers, KnownRequests
from tests.support.raw import Close, Send
from tests.support.stage import Stage, answer, get, open_stage, post, says, steps

LINE = b"GET /a?b HTTP/1.1"
FIELDS = b"Host: a\r\nX: y"


def read(line: bytes, fields: bytes) -> tuple[RequestHead, RequestFacts]:
    """What a parser would make of good ones."""
    method, target, _ = line.split(b" ")
    pairs = [(name, value.strip()) for name, _, value in (f.partition(b":") for f in fields.split(b"\r\n"))]
    return request_line(method, parse_target(method, target)), read_request_fields(pairs)


def whole(line: bytes = LINE, fields: bytes = FIELDS, body: bytes = b"") -> bytes:
    """The bytes of one request."""
    return line + b"\r\n" + fields + b"\r\n\r\n" + body


def test_fields_are_known_below_any_plain_line() -> None:
    """What was read once with another line."""
    known = KnownRequests(8192)
    lines, fields = (
        (LINE, b"HEAD /c HTTP/1.1", b"PUT /?a=//%20!b HTTP/1.1"),
        (FIELDS, b"Host: b\r\nCookie: c=d"),
    )
    for some in fields:
        assert known.find(whole(LINE, some)) is None
        known.keep(whole(LINE, some), *read(LINE, some))
    for line, some in product(lines * 2, fields):
        found = known.find(whole(line, some))
        assert found is not None
        assert found[:2] == read(line, some)


@pytest.mark.parametrize(
    "line",
    [
        b"GET /a#b HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.0",
        b"GET / HTTP/1.1 ",
        b"GET /\x7f HTTP/1.1",
        b"GET /\xff HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"get / HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"CONNECT /:1 HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"\nGET / HTTP/1.1",
        b"GET /\n HTTP/1.1",
        b"GET / HTTP/1.1\n",
        b"GET /" + b"x" * 600 + b" HTTP/1.1",
        b"",
    ],
)
def test_any_other_line_is_for_the_parser(line: bytes) -> None:
    """Whatever is known below it."""
    known = KnownRequests(8192)
    known.keep(whole(), *read(LINE, FIELDS))
    assert known.find(whole()) is not None
    assert known.find(whole(line)) is None


def test_a_line_is_no_longer_than_it_may_be() -> None:
    """The listener's own limit, where that is lower."""
    known = KnownRequests(len(LINE))
    known.keep(whole(), *read(LINE, FIELDS))
    assert known.find(whole()) is not None
    assert known.find(whole(LINE.replace(b"?", b"??"))) is None


def test_only_one_whole_request_is_found() -> None:
    """A part, or more than one, is for the parser."""
    known = KnownRequests(8192)
    with_body = whole(fields=FIELDS + b"\r\nContent-Length: 3", body=b"abc")
    for data, fields in ((whole(), FIELDS), (with_body, FIELDS + b"\r\nContent-Length: 3")):
        known.keep(data, *read(LINE, fields))
        found = known.find(data)
        assert found is not None
        assert data[found[2] :] in (b"", b"abc")
        for other in (data[:-1], data + b"x", data + data, data[1:], b"\r\n" + data, b""):
            assert known.find(other) is None


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (LINE, FIELDS + b"\r\nConnection: close"),
        (LINE, FIELDS + b"\r\nTransfer-Encoding: chunked"),
        (LINE, FIELDS + b"\r\nExpect: 100-continue\r\nContent-Length: 3"),
        (LINE, FIELDS + b"\r\nMax-Forwards: 3"),
        (LINE, FIELDS + b"\r\nX-Long: " + b"x" * 5000),
        (b"GET http://b/ HTTP/1.1", FIELDS),
        (b"\nGET / HTTP/1.1", FIELDS),
    ],
)
def test_what_depends_on_more_than_its_bytes_is_not_kept(line: bytes, fields: bytes) -> None:
    """Or would take much room."""
    known = KnownRequests(8192)
    data = whole(line, fields)
    known.keep(data, *read(line, fields))
    assert known.find(data) is None


def told(*fields: tuple[bytes, bytes], version: int = 1) -> tuple[ResponseHead, ResponseFacts]:
    """An answer's head, read."""
    return ResponseHead(200, b"OK", version, tuple(fields)), read_response_fields(fields)


def test_answers() -> None:
    """By the bytes of their heads; only with a length, on a connection that stays open."""
    known = KnownAnswers()
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    length = (b"Content-Length", b"2")
    known.keep(good + b"ok", *told(length))
    found = known.find(good + b"no")
    assert found is not None
    assert found[:2] == told(length)
    assert found[2] == len(good)
    for data, read_as in (
        (good.replace(b"1.1", b"1.0"), told(length, version=0)),
        (good.replace(b"OK", b"close"), told(length, (b"Connection", b"close"))),
        (good.replace(b"OK", b"chunked"), told((b"Transfer-Encoding", b"chunked"))),
        (b"\r\n" + good, told(length)),
    ):
        known.keep(data, *read_as)
        assert known.find(data) is None


def test_a_memory_is_bounded_and_keeps_what_is_used() -> None:
    """At most two generations; what is asked for stays."""
    memory: Memory[int, str] = Memory(10)
    for number in range(1000):
        memory.put(number, str(number))
        assert memory.get(0) == "0"
        assert len(memory) <= 20
    assert memory.recent(999) == "999"
    assert memory.get(500) is None


# Through the front door: the first request of a kind is read by the parser, the next ones by their bytes.


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker for this module."""
    folder: Path = tmp_path_factory.mktemp("known")
    with open_stage(folder, settings="", env={}) as stage:
        yield stage


@pytest.fixture
def stage(opened: Stage) -> Stage:
    """As if nothing had been played on it."""
    opened.reset()
    return opened


OURS = re.compile(rb"(traceparent: |X-Request-Id: |Set-Cookie: banyan_key=)[^\r;]+")
REQUESTS = {
    "plain": get(b"/orders/1?x=%20y"),
    "fields": get(b"/", b"Cookie: session=s1", b"X-A: 1", b"x-a: 2", b"X-Empty:", b"Via: 1.1 other"),
    "nominated": get(b"/", b"Connection: X-Drop, keep-alive", b"X-Drop: 1", b"X-Keep: 1"),
    "forged": get(b"/", b"X-Forwarded-For: 6.6.6.6", b"Forwarded: for=6.6.6.6", b"Banyan-Shadow: 1"),
    "ids": get(b"/", b"X-Request-Id: mine", b"traceparent: 00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"),
    "head": get(b"/", method=b"HEAD"),
    "length 0": post(b""),
    "body": post(b'{"a": 1}'),
    "body that looks like a head": post(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "chunked": get(b"/", b"Transfer-Encoding: chunked", method=b"PUT") + b"2\r\nab\r\n0\r\n\r\n",
    "absolute": get(b"http://example.com/x"),
    "expects": post(b"now", b"/", b"Expect: 100-continue"),
    "close": get(b"/", b"Connection: close"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_second_time_the_same_arrives(stage: Stage, name: str) -> None:
    """Whatever was read before, on this connection or another, whole or in pieces."""
    request = REQUESTS[name]
    method = request.split(b" ")[0].decode()
    seen: set[tuple[bytes, bytes, bytes]] = set()
    for cut in (0, 0, 0, 9, 0, len(request) - 1, 0):
        with stage.client() as client:
            for _ in range(1 if name == "close" else 3):
                stage.legacy.forget()
                client.send(request[:cut])
                client.send(request[cut:])
                response = client.read_response(method)
                arrived = OURS.sub(b"", stage.legacy.received)
                seen.add((arrived, OURS.sub(b"", response.head), response.body))
    assert len(seen) == 1
    assert seen.pop()[0].startswith(request.split(b" ")[0] + b" /")


def test_a_known_head_in_a_row_of_others(stage: Stage) -> None:
    """Pipelined, behind a body, in front of a part: each is answered in its turn."""
    stage.legacy.plays(says(answer(b"ok")))
    with stage.client() as client:
        for _ in range(3):
            assert client.exchange(get(b"/a")).body == b"ok"
            client.send(get(b"/a") + get(b"/b") + post(b"xyz", b"/c") + get(b"/d")[:7])
            client.send(get(b"/d")[7:])
            assert [client.read_response().body for _ in range(4)] == [b"ok"] * 4
    paths = [request.head.split(b" ")[1] for request in stage.legacy.requests]
    assert paths == [b"/a", b"/a", b"/b", b"/c", b"/d"] * 3


@pytest.mark.parametrize(
    "odd",
    [
        get(b"/").replace(b"Host: example.com", b"Host: example.com\r\nHost: example.com"),
        get(b"/").replace(b"\r\n\r\n", b"\r\n \r\n\r\n"),
        get(b"/").replace(b"HTTP/1.1", b"HTTP/1.9"),
        get(b"/").replace(b"Host", b"Host "),
    ],
)
def test_what_is_almost_known_is_refused(stage: Stage, odd: bytes) -> None:
    """One byte makes another head of it."""
    with stage.client() as client:
        for _ in range(3):
            assert client.exchange(get(b"/")).status == 200
        assert client.exchange(odd).status in (400, 505)
    assert len(stage.legacy.requests) == 3


def test_bytes_behind_a_known_answer_meet_nobody(stage: Stage) -> None:
    """The connection is closed with them, and the next request is answered on another."""
    once = answer(b"ok")
    stage.legacy.plays(says(once, once, once + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", once))
    with stage.client() as client:
        assert [client.exchange(get(b"/")).body for _ in range(5)] == [b"ok"] * 5


LARGE = bytes(range(256)) * 400


@pytest.mark.parametrize("cut", [0, 40, 70, 5000, 90_000, 102_000])
def test_a_counted_body_arrives_whole(stage: Stage, cut: int) -> None:
    """Behind a head that is new, or known; whatever comes in one read; and so does the next answer."""
    once = answer(LARGE, b"X-Cut: %d" % cut)
    with stage.client() as client:
        for _ in range(3):
            stage.legacy.plays(steps(Send(once[:cut]), Send(once[cut:])))
            assert client.exchange(get(b"/")).body == LARGE
            stage.legacy.plays(says(answer(b"ok")))
            assert client.exchange(get(b"/")).body == b"ok"


def test_bytes_behind_a_counted_body_meet_nobody(stage: Stage) -> None:
    """Nor does the connection they came on."""
    for _ in range(3):
        stage.legacy.plays(says(answer(LARGE) + answer(b"evil"), answer(b"ok")))
        with stage.client() as client:
            assert client.exchange(get(b"/")).body == LARGE
            assert [client.exchange(get(b"/")).body for _ in range(3)] == [b"ok"] * 3


def test_a_counted_body_that_ends_early_stays_cut(stage: Stage) -> None:
    """The client sees that its answer is not whole."""
    for _ in range(3):
        stage.legacy.plays(steps(Send(answer(LARGE)[:-1]), Close()))
        with stage.client() as client:
            client.send(get(b"/"))
            head = client.read_head()
            rest = client.read_until_closed()
        assert b"Content-Length: %d\r\n" % len(LARGE) in head
        assert rest == LARGE[:-1]
