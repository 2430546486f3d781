"""What one client sends, read as requests, wherever a read ends."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.headers import RequestFacts
from gateway.core.message import RequestHead
from gateway.wire.known import KnownRequests
from gateway.wire.limits import ListenLimits
from gateway.wire.reading import RequestReader
from gateway.wire.refusal import Refusal


class Heard:
    """One request, as far as it was read."""

    head_only = False

    def __init__(self, line: bytes, fields: list[tuple[bytes, bytes]]) -> None:
        self.line = line
        self.fields = fields
        self.content = b""
        self.ended = 0

    def begin(self) -> None: ...
    def client_gone(self) -> None: ...
    def client_congested(self) -> None: ...
    def client_drained(self) -> None: ...
    def refused(self, status: int) -> bool:
        raise AssertionError(status)

    def expired(self) -> None: ...
    def part(self) -> bool:
        return False

    def whole(self, body: bytes) -> None:
        self.content, self.ended = body, 1

    def body(self, data: bytes) -> None:
        assert not self.ended
        self.content += data

    def complete(self) -> None:
        self.ended += 1


class Listener:
    """Who hears of requests."""

    local = b"here"

    def __init__(self) -> None:
        self.limits = ListenLimits()
        self.opened_ones: list[Heard] = []
        self.taken: list[object] = []

    def opened(self, head: RequestHead, facts: RequestFacts) -> Heard:
        self.opened_ones.append(Heard(head.line, facts.kept))
        return self.opened_ones[-1]

    def take(self, handler: object) -> None:
        self.taken.append(handler)


Found = list[tuple[bytes, list[tuple[bytes, bytes]], bytes, int]]


def read(*pieces: bytes) -> tuple[Found, object]:
    """The requests in these pieces, and what else came of them: a status, what follows a switch of
    protocols, or whether a head has begun.
    """
    listener = Listener()
    reader = RequestReader(listener, KnownRequests(8192))
    end: object = None
    rest = b""
    for number, piece in enumerate(pieces):
        try:
            follows = reader.feed(piece)
        except Refusal as refusal:
            end = refusal.status
            break
        if follows is not None:
            end, rest = "switched", follows + b"".join(pieces[number + 1 :])
            break
        end = reader.in_head
    assert listener.taken == listener.opened_ones
    return [(one.line, one.fields, one.content, one.ended) for one in listener.opened_ones], (end, rest)


HOST = b"Host: a\r\n"
SAID = b"PUT /no HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /no HTTP/1.1\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x;a = b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(SAID), SAID)
LENGTH = b"Content-Length: %d\r\n\r\n" % len(SAID)
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"GET /s HTTP/1.1\r\n" + HOST + UPGRADE
ROW = (
    b"GET /1 HTTP/1.1\r\n%bX-A: 1\r\n\r\n" % HOST
    + b"\r\nFOO /2\xff HTTP/1.1\r\n%b%b%b" % (HOST, LENGTH, SAID)
    + b"POST /3 HTTP/1.1\r\n%b%b" % (HOST, CHUNKED)
    + b"\r\n\r\nPOST /4 HTTP/1.1\r\n%bUpgrade: h2c\r\nConnection: Upgrade\r\n%b%b" % (HOST, LENGTH, SAID)
    + b"GET /5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    + b"DELETE /6 HTTP/1.1\r\n%bX-B: 2 \r\n\r\n" % HOST
)
FOUND = [
    (b"GET /1 HTTP/1.1\r\n", [(b"X-A", b"1")], b"", 1),
    (b"FOO /2\xff HTTP/1.1\r\n", [], SAID, 1),
    (b"POST /3 HTTP/1.1\r\n", [], SAID, 1),
    (b"POST /4 HTTP/1.1\r\n", [], SAID, 1),
    (b"GET /5 HTTP/1.1\r\n", [], b"", 1),
    (b"DELETE /6 HTTP/1.1\r\n", [(b"X-B", b"2")], b"", 1),
]


def test_requests_are_the_same_wherever_a_read_ends() -> None:
    """In one read, in two, and in single bytes."""
    expected = FOUND, (False, b"")
    assert read(ROW) == expected
    assert read(*(bytes([byte]) for byte in ROW)) == expected
    for cut in range(1, len(ROW)):
        assert read(ROW[:cut], ROW[cut:]) == expected, cut


@given(st.lists(st.integers(1, 60), max_size=30))
def test_requests_in_any_pieces(cuts: list[int]) -> None:
    """They are the same."""
    pieces, rest = [], ROW
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert read(*(piece for piece in (*pieces, rest) if piece)) == (FOUND, (False, b""))


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        (b"GET / RTSP/1.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    ],
)
def test_what_is_refused_is_refused_wherever_a_read_ends(last: bytes, status: int) -> None:
    """Behind good ones, which are read as before."""
    for cut in range(len(ROW) - 5, len(ROW + last)):
        assert read((ROW + last)[:cut], (ROW + last)[cut:]) == (FOUND, (status, b""))


def test_a_switch_of_protocols_ends_right_behind_its_head() -> None:
    """What follows is handed back, wherever a read ends."""
    row = ROW + SWITCH + b"\x81\x00GET /"
    for cut in range(len(ROW), len(row)):
        found, end = read(row[:cut], row[cut:])
        assert [one[0] for one in found[-2:]] == [b"DELETE /6 HTTP/1.1\r\n", b"GET /s HTTP/1.1\r\n"]
        assert end == ("switched", b"\x81\x00GET /")


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"]
)
def test_nothing_behind_the_last_request_is_read(head: bytes) -> None:
    """Not in the same read, not in the next one, whatever it is."""
    for behind in (ROW, b"\0", head):
        for found, end in (read(head + behind), read(head, behind)):
            assert (len(found), end) == (1, (False, b""))


@pytest.mark.parametrize(
    "data", [b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r"]
)
def test_a_head_that_has_begun_is_one(data: bytes) -> None:
    """Its time runs."""
    assert read(data) == ([], (True, b""))
    assert read(b"\r\n", data) == ([], (True, b""))


def test_empty_lines_are_no_head() -> None:
    """Nor half of one."""
    assert read(b"\r\n\r\n\r") == ([], (False, b""))


@pytest.mark.parametrize(
    "line", [b"HEAD / HTTP/1.1\r\nHost\r\n", b"HEAD / HTTP/3.1\r\n", b"HEAD /" + b"x" * 9000]
)
def test_who_asked_for_a_head_gets_no_body(line: bytes) -> None:
    """With a refusal either."""
    reader = RequestReader(Listener(), KnownRequests(8192))
    reader.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(Refusal):
        reader.feed(line + b"\r\n")
    assert reader.asks_for_head()


def test_a_request_that_came_before_is_not_parsed_again() -> None:
    """Alone in its read; with a body too."""
    known = KnownRequests(8192)
    for data in (
        b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ):
        assert known.find(data) is None
        RequestReader(Listener(), known).feed(data)
        assert known.find(data) is not None
    chunked = b"POST /a HTTP/1.1\r\n%b%b" % (HOST, CHUNKED)
    for data in (chunked, ROW, b"GET /a HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"):
        RequestReader(Listener(), known).feed(data)
        assert known.find(data) is None
    first, _, _ = ROW.partition(b"\r\n\r\n")
    assert known.find(first + b"\r\n\r\n") is None


@pytest.mark.parametrize(
    "before",
    [
        b"GET /a HTTP/1.1\r\nCookie: session=theirs\r\nConnection: authorization\r\nX: ",
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\nX: ",
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"x" * 100,
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"x" * 54,
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 154\r\n\r\n" + b"x" * 100,
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ",
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n36\r\n",
        b"GET ",
        b"G",
    ],
)
def test_nobody_says_what_the_request_of_another_means(before: bytes) -> None:
    """Whatever stands before it on his own connection, and wherever his reads end."""
    other = b"GET /mine HTTP/1.1\r\nHost: shop\r\nAuthorization: m\r\n\r\n"
    bare = b"GET /mine HTTP/1.1\r\n\r\n"
    length = b"GET /x HTTP/1.1\r\nContent-Length: 40\r\nX: GET / HTTP/1.1\r\nHost: good\r\n\r\n"
    for victim in (other, bare, length):
        for cut in range(len(victim)):
            known = KnownRequests(8192)
            reader = RequestReader(Listener(), known)
            with suppress(Refusal):
                for piece in (before + victim[:cut], victim[cut:], victim):
                    reader.feed(piece)
            ones, twos = Listener(), Listener()
            for listener, kept in ((ones, known), (twos, KnownRequests(8192))):
                with suppress(Refusal):
                    RequestReader(listener, kept).feed(victim)
            assert [vars(one) for one in ones.opened_ones] == [vars(one) for one in twos.opened_ones]


def test_empty_lines_between_known_requests_are_no_head() -> None:
    """However many there are."""
    data = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    listener = Listener()
    reader = RequestReader(listener, KnownRequests(8192))
    for _ in range(50_000):
        reader.feed(data)
        reader.feed(b"\r\n")
    assert len(listener.opened_ones) == 50_000


def test_what_a_parser_takes_for_the_connections_end_ends_nothing() -> None:
    """``Proxy-Connection`` is no field of HTTP."""
    one = b"GET /a HTTP/1.1\r\nHost: a\r\nProxy-Connection: close\r\n\r\n"
    assert len(read(one, b"GET /b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")[0]) == 2
    asks = b"GET /a HTTP/1.1\r\nHost: a\r\nProxy-Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert read(asks)[1] == (False, b"")


def test_a_mistake_of_ours_is_told_without_a_body_to_who_asks_for_a_head() -> None:
    """On the way of what came before, too."""

    class Failing(Listener):
        def opened(self, head: RequestHead, facts: RequestFacts) -> Heard:
            if self.taken:
                raise ValueError("ours")
            return super().opened(head, facts)

    class NotTaking(Listener):
        def take(self, handler: object) -> None:
            raise ValueError("ours")

    data = b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n"
    for listener, known in ((Failing(), True), (NotTaking(), False)):
        reader = RequestReader(listener, KnownRequests(8192))
        if known:
            reader.feed(data)
        with pytest.raises(Refusal) as mistake:
            reader.feed(data)
        assert mistake.value.status == 500
        assert reader.asks_for_head()


def test_what_came_before_is_no_request_within_another() -> None:
    """In a body, in fields, and behind half a line."""
    known = KnownRequests(8192)
    inner = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    RequestReader(Listener(), known).feed(inner)
    assert known.find(inner) is not None
    length = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(inner)
    for before, status in ((length, None), (b"POST /b HTTP/1.1\r\nHost: a\r\n", 400), (b"POST ", 400)):
        listener = Listener()
        reader = RequestReader(listener, known)
        reader.feed(before)
        if status is None:
            reader.feed(inner)
            assert [one.content for one in listener.opened_ones] == [inner]
        else:
            with pytest.raises(Refusal):
                reader.feed(inner)
            assert not listener.opened_ones
