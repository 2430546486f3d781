"""The limits: sizes, each driven past its bound (RFC 6585, RFC 9110 section 15.5)."""

from contextlib import suppress

from tests.support.raw import RawClient, Send
from tests.support.stage import OK, Stage, get, post, says, steps

SETTINGS = """
[listen]
max_request_line = "1 KiB"
max_field = "1 KiB"
max_fields_bytes = "4 KiB"
max_fields = 20
max_body = "64 KiB"
"""
ENV = {"BANYAN_UPSTREAMS__NEW__MAX_BODY": "1 KiB"}
CHUNKED = b"Transfer-Encoding: chunked"


def line_of(size: int) -> bytes:
    """A request whose request line has this many bytes."""
    return get(b"/" + b"x" * (size - len(b"GET / HTTP/1.1")))


def takes(client: RawClient, piece: bytes) -> bool:
    """Whether the gateway takes this piece again and again, for megabytes."""
    with suppress(OSError):
        for _ in range(200):
            client.send(piece)
            if client.read_available(0.001):
                return False
        return True
    return False


def test_request_line(stage: Stage) -> None:
    """At the limit it is served, a byte beyond it is 414."""
    with stage.client() as client:
        assert client.exchange(line_of(1024)).status == 200
    stage.closes(line_of(1025), 414)
    stage.closes(b"GET /" + b"x" * 100_000, 414)


def test_one_field(stage: Stage) -> None:
    """Name and value together; also one that never ends."""
    with stage.client() as client:
        assert client.exchange(get(b"/", b"X: " + b"x" * 1023)).status == 200
    stage.closes(get(b"/", b"X: " + b"x" * 1024), 431)
    stage.closes(get(b"/", b"x" * 1024 + b": x"), 431)
    stage.closes(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 10_000, 431)


def test_all_fields_together(stage: Stage) -> None:
    """Each of them is small enough."""
    lines = [b"X-%d: " % n + b"x" * 1000 for n in range(5)]
    with stage.client() as client:
        assert client.exchange(get(b"/", *lines[:4])).status == 200
    stage.closes(get(b"/", *lines), 431)


def test_number_of_fields(stage: Stage) -> None:
    """Host is one of them."""
    with stage.client() as client:
        assert client.exchange(get(b"/", *[b"X: y"] * 19)).status == 200
    stage.closes(get(b"/", *[b"X: y"] * 20), 431)


def test_trailers_count_as_fields(stage: Stage) -> None:
    """What is dropped costs memory before it is."""
    stage.legacy.plays(says(OK))
    start = get(b"/", CHUNKED, method=b"POST") + b"1\r\na\r\n0\r\n"
    stage.closes(start + b"X: " + b"x" * 1024 + b"\r\n\r\n", 431)
    with stage.client() as client:
        client.send(start + b"X: ")
        assert not takes(client, b"x" * 64_000), "a trailer without an end was taken"


def test_a_body_with_a_length(stage: Stage) -> None:
    """It is refused on its head: no byte of it is asked for."""
    with stage.client() as client:
        assert client.exchange(post(b"x" * 65536)).status == 200
    stage.closes(get(b"/", b"Content-Length: 65537", method=b"POST"), 413)
    assert len(stage.legacy.requests) == 1


def test_a_chunked_body_is_refused_in_mid_stream_and_the_upstream_aborted(stage: Stage) -> None:
    """The upstream never sees an end."""
    start = get(b"/", CHUNKED, method=b"POST")
    stage.closes(
        start + b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"8001\r\n" + b"x" * 0x8001 + b"\r\n0\r\n\r\n", 413
    )
    assert not stage.legacy.received.endswith(b"0\r\n\r\n")


def test_a_chunked_body_that_grows_past_the_limit_after_the_answer_began_cuts_it(stage: Stage) -> None:
    """Nothing else can be said then."""
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")))
    with stage.client() as client:
        client.send(get(b"/", CHUNKED, method=b"POST") + b"1\r\na\r\n")
        client.read_until(b"half")
        client.send(b"10001\r\n" + b"x" * 0x10001)
        assert client.read_until_closed() == b""


def test_the_body_that_one_side_takes(stage: Stage) -> None:
    """Each upstream has its own limit below the door's."""
    stage.dial(100)
    with stage.client() as client:
        assert client.exchange(post(b"x" * 1024, b"/orders/1")).status == 200
    stage.closes(post(b"x" * 1025, b"/orders/1"), 413)
    stage.closes(
        get(b"/orders/1", CHUNKED, method=b"POST") + b"401\r\n" + b"x" * 1025 + b"\r\n0\r\n\r\n", 413
    )


def test_framing_may_not_outweigh_the_body(stage: Stage) -> None:
    """Chunk extensions cost time and carry nothing."""
    start = get(b"/", CHUNKED, method=b"POST")
    with stage.client() as client:
        client.send(start)
        assert not takes(client, b"1;" + b"x" * 64_000 + b"\r\na\r\n"), "any amount of framing was taken"
    with stage.client() as client:
        assert client.exchange(start + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n", "POST").status == 200


def test_a_large_body_pays_for_no_framing_behind_it(stage: Stage) -> None:
    """A trailer that does not end costs the same whatever came before it."""
    with stage.client() as client:
        client.send(get(b"/", CHUNKED, method=b"POST"))
        client.send(b"f000\r\n" + b"x" * 0xF000 + b"\r\n0\r\nX: ")
        assert not takes(client, b"y" * 2000), "any amount of a trailer was taken"


def test_a_large_body_and_a_head_in_one_read_are_no_large_head(stage: Stage) -> None:
    """What is left of one request does not count for the next."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(post(b"x" * 60_000) + b"GET / HTTP/1.1\r\n")
        assert client.read_response().status == 200
        client.send(b"Host: a\r\n\r\n")
        assert client.read_response().status == 200


def test_requests_of_nothing_but_line_ends_have_a_bound(stage: Stage) -> None:
    """They are passed over, but not for ever."""
    with stage.client() as client:
        client.send(b"\r\n" * 20_000)
        assert client.read_until_closed().startswith(b"HTTP/1.1 431 ")
