"""Requests and answers of any shape, cut into pieces at random: wherever the network cuts, the same
arrives."""

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fuzz import MODERATE
from tests.support.raw import RawClient, UpstreamConnection, UpstreamRequest
from tests.support.stage import Stage, answer

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
FIELDS = st.lists(
    st.tuples(TOKEN.map(lambda name: b"X-" + name.encode()), VALUE.map(lambda v: v.encode("latin-1"))),
    max_size=8,
)
PATH = st.text("abcXYZ019/;.:@&=+$,-_!~*'()%é\x80ÿ", max_size=40).map(
    lambda path: b"/" + path.encode("latin-1")
)
BODY = st.lists(st.binary(min_size=1, max_size=200), max_size=5)
METHOD = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"-FOO"])


def forwarded(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Those that a gateway passes on."""
    ours = (b"x-forwarded", b"x_forwarded", b"x-real", b"x-request-id")
    return [pair for pair in fields if not pair[0].lower().replace(b"_", b"-").startswith(ours)]


def lines(fields: list[tuple[bytes, bytes]]) -> bytes:
    """As they stand in a head."""
    return b"".join(b"%b: %b\r\n" % pair for pair in fields)


def framed(body: list[bytes], *, chunked: bool) -> bytes:
    """The field, the empty line and the body."""
    if chunked:
        pieces = b"".join(b"%X;a=b\r\n%b\r\n" % (len(piece), piece) for piece in body)
        return b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\nX-T: v\r\n\r\n"
    whole = b"".join(body)
    return b"Content-Length: %d\r\n\r\n%b" % (len(whole), whole)


def send_cut(send: Callable[[bytes], None], data: bytes, cuts: list[int]) -> None:
    """Send in pieces: each cut is the length of one."""
    at = 0
    for cut in cuts:
        send(data[at : at + cut])
        at += cut
    send(data[at:])


CUTS = st.lists(st.integers(min_value=1, max_value=60), max_size=12)


@MODERATE
@given(
    METHOD,
    PATH,
    FIELDS,
    BODY,
    st.booleans(),
    CUTS,
)
def test_requests(
    stage: Stage,
    method: bytes,
    path: bytes,
    fields: list[tuple[bytes, bytes]],
    body: list[bytes],
    chunked: bool,
    cuts: list[int],
) -> None:
    """Line, unknown fields in order, and body arrive as they were sent; the next request is read right."""
    bodies: list[bytes] = []

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        bodies.append(connection.read_body(request.headers)[0])
        connection.send(answer(request.target))

    stage.legacy.forget()
    stage.legacy.plays(scene)
    data = b"%b %b HTTP/1.1\r\nHost: a\r\n" % (method, path) + lines(fields) + framed(body, chunked=chunked)
    with RawClient(stage.worker.port) as client:
        send_cut(client.send, data + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n", cuts)
        assert client.read_response().body == path
        assert client.read_response().body == b"/next"
    first = stage.legacy.requests[0]
    assert first.line == b"%b %b HTTP/1.1" % (method, path)
    names = {name for name, _ in fields}
    assert [pair for pair in first.headers if pair[0] in names] == forwarded(fields)
    assert bodies[0] == b"".join(body)


@MODERATE
@given(
    st.integers(min_value=200, max_value=599).filter(lambda status: status not in (204, 304)),
    FIELDS,
    BODY,
    st.sampled_from(["length", "chunked", "close"]),
    CUTS,
)
def test_answers(
    stage: Stage,
    status: int,
    fields: list[tuple[bytes, bytes]],
    body: list[bytes],
    framing: str,
    cuts: list[int],
) -> None:
    """Status, fields in order and body arrive as the application sent them."""
    head = b"HTTP/1.1 %d Any\r\nDate: x\r\n" % status + lines(fields)
    if framing == "close":
        data = head + b"\r\n" + b"".join(body)
    else:
        data = head + framed(body, chunked=framing == "chunked")

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        send_cut(connection.send, data, cuts)
        if framing == "close":
            connection.close()

    stage.legacy.plays(scene)
    with RawClient(stage.worker.port) as client:
        response = client.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (response.status, response.body) == (status, b"".join(body))
        names = {name for name, _ in fields}
        assert [pair for pair in response.headers if pair[0] in names] == fields


@MODERATE
@given(st.binary(max_size=300), CUTS)
def test_any_bytes_as_an_answer(stage: Stage, data: bytes, cuts: list[int]) -> None:
    """The client gets an answer of the gateway's own, or nothing of it; the gateway goes on."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        send_cut(connection.send, data, cuts)
        connection.close()

    stage.legacy.plays(scene)
    with RawClient(stage.worker.port) as client:
        assert client.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 502


@MODERATE
@given(st.binary(max_size=300), st.integers(min_value=0, max_value=60), CUTS)
def test_any_bytes_as_a_request(stage: Stage, noise: bytes, at: int, cuts: list[int]) -> None:
    """Whatever is sent, the next user is served."""
    good = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    stage.legacy.reset()
    with RawClient(stage.worker.port) as client, suppress(OSError):
        send_cut(client.send, good[:at] + noise + good[at:], cuts)
    with RawClient(stage.worker.port) as client:
        assert client.exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").body == b"legacy"
