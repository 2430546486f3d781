"""Rule 7: an upstream that breaks the rules is answered for with 502 and injects nothing (RFC 9112 section
6.3)."""

import pytest

from tests.compliance.limits import within
from tests.support.raw import Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, answer, ended, get, says, steps

BAD_ANSWERS = {
    "no HTTP": b"hello\r\n\r\n",
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "RTSP": b"RTSP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "RTSP behind an empty line": b"\r\nRTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "RTSP behind hints": b"HTTP/1.1 103 Hints\r\n\r\nRTSP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "ICE": b"ICE/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n",
    "status 000": b"HTTP/1.1 000 None\r\nContent-Length: 0\r\n\r\n",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
    "CR in the reason": b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "CR in a value": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "LF as a line end": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "a coding nobody asked for": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "a bad first chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"Set-Cookie:\r\n" * 500 + b"Content-Length: 0\r\n\r\n",
    "a switch nobody asked for": b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a switch to nothing": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


@pytest.mark.parametrize("broken", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_broken_answer_becomes_502(stage: Stage, broken: bytes) -> None:
    """With Proxy-Status; its connection is closed, and the client's goes on."""
    stage.legacy.plays(steps(Send(broken)))
    with stage.client() as client:
        refused = client.exchange(get())
        assert refused.status == 502, refused
        assert refused.get(b"Proxy-Status") == b"banyan; error=http_protocol_error"
        assert ended(stage.legacy.upstream.connections[-1])
        stage.legacy.plays(says(OK))
        assert client.exchange(get()).body == b"ok"


def test_hundreds_of_fields_pass(stage: Stage) -> None:
    """As many as an application may have a use for."""
    stage.legacy.plays(steps(Send(answer(b"ok", *[b"Set-Cookie: c%d=1" % n for n in range(498)]))))
    with stage.client() as client:
        assert len(client.exchange(get()).all(b"Set-Cookie")) == 498


@pytest.mark.parametrize(
    "beyond", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON", b"POISON", b"\0", b"0\r\n\r\n"]
)
def test_bytes_beyond_an_answer_reach_nobody(stage: Stage, beyond: bytes) -> None:
    """Neither with the answer nor as the answer of the next request."""
    stage.legacy.plays(says(OK + beyond, answer(b"mine")))
    with stage.client() as client:
        assert client.exchange(get()).body == b"ok"
        assert ended(stage.legacy.upstream.connections[-1])
        assert client.exchange(get()).body == b"mine"
        assert client.read_available() == b""


@within(LEGACY__KEEP_ALIVE="60s")
def test_bytes_that_come_while_nobody_asks_close_the_connection(stage: Stage) -> None:
    """An answer that is sent ahead waits for no request."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.exchange(get())
        upstream = stage.legacy.upstream.connections[-1]
        upstream.send(answer(b"POISON"))
        assert ended(upstream)
        assert client.exchange(get()).body == b"ok"


def test_a_chunk_that_breaks_in_the_middle_cuts_the_answer(stage: Stage) -> None:
    """What was good has gone out; nothing of the broken part does, and no end."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    stage.legacy.plays(steps(Send(head)))
    with stage.client() as client:
        client.send(get())
        client.read_head()
        assert client.read_exactly(8) == b"3\r\nabc\r\n"
        stage.legacy.upstream.connections[-1].send(b"zz\r\nPOISON\r\n0\r\n\r\n")
        assert client.read_until_closed() == b""


def test_an_answers_head_has_a_bound(stage: Stage) -> None:
    """A field that does not end is not collected for ever."""
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 600_000)))
    with stage.client() as client:
        assert client.exchange(get()).status == 502


@pytest.mark.parametrize(("count", "status"), [(100, 200), (101, 502), (40_000, 502)])
def test_informational_answers_have_a_bound(stage: Stage, count: int, status: int) -> None:
    """A hundred are more than anybody needs."""
    stage.legacy.plays(steps(Send(b"HTTP/1.1 103 Hints\r\n\r\n" * count + OK)))
    with stage.client() as client:
        assert client.exchange(get()).status == status


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"0\r\nX: ", b"y" * 65536),
        (b"0\r\n", b"a: b\r\n" * 10_000),
        (b"1;", b"x" * 65536),
        (b"100000\r\n" + b"a" * 0x100000 + b"\r\n0\r\n", b"a: b\r\n" * 10_000),
    ],
    ids=["one trailer", "trailers", "a chunk extension", "trailers behind a large body"],
)
def test_what_is_no_body_has_a_bound(stage: Stage, start: bytes, more: bytes) -> None:
    """Trailers and chunk extensions reach nobody: without end, they cut the answer."""
    taken = [0]

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n" + start)
        while taken[0] < 64 * 1024 * 1024:
            connection.send(more)
            taken[0] += len(more)

    stage.legacy.plays(scene)
    with stage.client() as client:
        client.send(get())
        assert not client.read_until_closed().endswith(b"0\r\n\r\n")
    assert ended(stage.legacy.upstream.connections[-1])
    assert taken[0] < 16 * 1024 * 1024  # what fits between the two beside


def test_a_body_in_the_smallest_chunks_arrives(stage: Stage) -> None:
    """There is more framing than body in it, as there may be."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    stage.legacy.plays(says(head + b"1\r\na\r\n" * 500_000 + b"0\r\nX: y\r\n\r\n"))
    with stage.client() as client:
        assert client.exchange(get()).body == b"a" * 500_000


@pytest.mark.parametrize("status", [b"299", b"599", b"999"])
def test_unknown_statuses_pass(stage: Stage, status: bytes) -> None:
    """An intermediary does not judge them."""
    stage.legacy.plays(says(answer(b"", status=status + b" Odd")))
    with stage.client() as client:
        assert client.exchange(get()).head.startswith(b"HTTP/1.1 %b Odd\r\n" % status)
