"""Rule 6: a request whose end can be doubted is refused, and framing is made afresh (RFC 9112 sections 6
and 11.2)."""

import pytest

from tests.support.stage import OK, Stage, get, post, says

LENGTH = b"Content-Length: 3"
CHUNKED = b"Transfer-Encoding: chunked"
BAD_FRAMING = {
    "length and coding": (LENGTH, CHUNKED),
    "coding and length": (CHUNKED, LENGTH),
    "two lengths": (LENGTH, b"Content-Length: 4"),
    "the same length twice": (LENGTH, LENGTH),
    "a list of lengths": (b"Content-Length: 3, 3",),
    "a signed length": (b"Content-Length: +3",),
    "a negative length": (b"Content-Length: -3",),
    "a hexadecimal length": (b"Content-Length: 0x3",),
    "an empty length": (b"Content-Length:",),
    "a length beyond any": (b"Content-Length: 99999999999999999999",),
    "coding twice": (CHUNKED, CHUNKED),
    "a coding that is not understood": (b"Transfer-Encoding: gzip, chunked",),
    "chunked not last": (b"Transfer-Encoding: chunked, gzip",),
    "identity": (b"Transfer-Encoding: identity",),
    "identity beside a length": (b"Transfer-Encoding: identity", LENGTH),
    "identity behind chunked": (b"Transfer-Encoding: chunked, identity",),
    "chunked twice with identity": (b"Transfer-Encoding: identity, chunked, identity, chunked",),
    "an empty coding before chunked": (b"Transfer-Encoding: , chunked",),
    "almost chunked": (b"Transfer-Encoding: xchunked",),
    "chunked in quotes": (b'Transfer-Encoding: "chunked"',),
    "an empty coding": (b"Transfer-Encoding:",),
    "a space before the colon": (b"Transfer-Encoding : chunked",),
    "a folded coding": (b"Transfer-Encoding:\r\n chunked",),
    "a folded field": (b"X-A: b\r\n c",),
    "a bare CR": (b"X-A: b\rc",),
    "a bare LF": (b"X-A: b\nX-B: c",),
    "a NUL": (b"X-A: b\0c",),
    "a control character": (b"X-A: b\x01c",),
    "a control character in a name": (b"X-\x01: b",),
    "no name": (b": b",),
    "no colon": (b"X-A",),
    "a leading space": (b" X-A: b",),
}


@pytest.mark.parametrize("lines", BAD_FRAMING.values(), ids=BAD_FRAMING)
def test_doubtful_framing_is_refused(stage: Stage, lines: tuple[bytes, ...]) -> None:
    """And the connection is closed, so that what follows is nobody's request."""
    came = stage.closes(get(b"/", *lines, method=b"POST") + b"3\r\nabc\r\n0\r\n\r\n" + get(b"/smuggled"), 400)
    assert came.count(b"HTTP/1.1 ") == 1
    assert b"smuggled" not in stage.legacy.received


BAD_CHUNKS = [
    b"x\r\nabc\r\n",
    b"-3\r\nabc\r\n",
    b"+3\r\nabc\r\n",
    b"0x3\r\nabc\r\n",
    b" 3\r\nabc\r\n",
    b"3 \r\nabc\r\n",
    b"3\nabc\n",
    b"3\rabc\r",
    b"3\r\nabcd\r\n",
    b"3\r\nabc0\r\n\r\n",
    b"\r\nabc\r\n",
    b";a=b\r\nabc\r\n",
    b"3;a\nb\r\nabc\r\n",
    b"3;a b\r\nabc\r\n",
    b'3;a="b\r\nabc\r\n',
    b"fffffffffffffffff\r\nabc\r\n",
]


@pytest.mark.parametrize("chunk", BAD_CHUNKS)
def test_a_bad_chunk_is_refused_and_the_upstream_aborted(stage: Stage, chunk: bytes) -> None:
    """What was passed on so far never becomes a whole request."""
    request = get(b"/", CHUNKED, method=b"POST") + b"2\r\nhi\r\n" + chunk + b"0\r\n\r\n"
    came = stage.closes(request + get(b"/smuggled"), 400)
    assert came.count(b"HTTP/1.1 ") == 1
    assert b"0\r\n\r\n" not in stage.legacy.received
    assert b"smuggled" not in stage.legacy.received


@pytest.mark.parametrize(
    "body",
    [
        b"3\r\nabc\r\n0\r\n\r\n",
        b"003\r\nabc\r\n000\r\n\r\n",
        b'3;n=v;q="x;y"\r\nabc\r\n0;last\r\n\r\n',
        b"3 ; n = v;\tq\r\nabc\r\n0\r\n\r\n",
        b"1\r\na\r\n2\r\nbc\r\n0\r\nX-T: 1\r\n\r\n",
    ],
)
def test_chunks_are_framed_afresh(stage: Stage, body: bytes) -> None:
    """Neither their sizes' spelling nor their extensions reach the upstream."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.exchange(get(b"/", b"Transfer-Encoding: Chunked", method=b"POST") + body)
    framed = stage.legacy.received.partition(b"\r\n\r\n")[2]
    assert framed in (b"3\r\nabc\r\n0\r\n\r\n", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
    assert stage.legacy.last().all(b"Transfer-Encoding") == [b"chunked"]
    assert stage.legacy.last().all(b"Content-Length") == []


def test_a_length_goes_out_as_one_number(stage: Stage) -> None:
    """Leading zeros and spaces end here."""
    with stage.client() as client:
        client.exchange(get(b"/", b"Content-Length:  007 ", method=b"POST") + b"seven b")
    assert stage.legacy.last().all(b"Content-Length") == [b"7"]


@pytest.mark.parametrize("name", [b"Content_Length", b"Transfer_Encoding"])
def test_a_second_framing_in_disguise_does_not_pass(stage: Stage, name: bytes) -> None:
    """Behind a server that reads underscores as hyphens it would be one."""
    with stage.client() as client:
        client.exchange(post(b"abc", b"/", name + b": chunked"))
    assert name not in stage.legacy.last().head


def test_bare_line_feeds_are_refused(stage: Stage) -> None:
    """As line ends, in the request line and behind the head."""
    stage.closes(b"GET / HTTP/1.1\nHost: a\n\n", 400)
    stage.closes(b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400)
    stage.closes(b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400)


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/3.0"])
def test_other_versions_are_refused(stage: Stage, version: bytes) -> None:
    """Only HTTP/1.1 and HTTP/1.0 are spoken."""
    stage.closes(b"GET / %b\r\nHost: a\r\n\r\n" % version, 505)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"OPTIONS /x RTSP/1.1", 400),
        (b"GET /x  RTSP/1.0", 400),
        (b"POST /a/path/that/is/longer RTSP/1.1", 400),
        (b"PLAY /x RTSP/1.0", 400),
        (b"SOURCE /x ICE/1.0", 400),
    ],
)
def test_another_protocol_is_not_taken_for_http(stage: Stage, line: bytes, status: int) -> None:
    """In one read, behind another request in it, and in single bytes; also where its fields are known."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/", b"X: y")).status == 200
    request = line + b"\r\nHost: example.com\r\nX: y\r\n\r\n"
    stage.closes(request, status)
    with stage.client() as client:
        client.send(post(b"abc") + request)
        assert client.read_response().status == 200
        assert client.read_response().status == status
    with stage.client() as client:
        for byte in request:
            client.send(bytes([byte]))
        assert client.read_response().status == status
    assert all(seen.line.endswith(b" / HTTP/1.1") for seen in stage.legacy.requests)


def test_the_name_of_another_protocol_may_stand_anywhere_else(stage: Stage) -> None:
    """In a field, in a body, and in the request behind."""
    said = b"PLAY /x RTSP/1.0\r\nand ICE/1.0\r\n"
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(post(said * 50, b"/a", b"X: GET /a RTSP/1.1") + get(b"/b", b"X: GET /a RTSP/1.1"))
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert said * 50 in stage.legacy.received
    row = (
        get(b"/a") + post(b"GET /b RTSP/1.0\r\n", b"/b") + get(b"/c", b"X: GET /c RTSP/1.0, GET /b RTSP/1.0")
    )
    row += (
        get(b"/d", CHUNKED, method=b"PUT") + b"11\r\nPUT /d RTSP/1.0\r\n\r\n0\r\nX: PUT /d RTSP/1.0\r\n\r\n"
    )
    for cut in range(len(row)):
        with stage.client() as client:
            client.send(row[:cut])
            client.send(row[cut:])
            assert [client.read_response().status for _ in range(4)] == [200] * 4


def test_another_protocol_is_found_wherever_a_read_ends(stage: Stage) -> None:
    """Right behind a body that ends without a line end, too."""
    stage.legacy.plays(says(OK))
    row = post(b"{}", b"/a", b"X: GET /x RTSP/1.0") + b"GET /x RTSP/1.0\r\nHost: a\r\n\r\n"
    for cut in range(len(row)):
        with stage.client() as client:
            client.send(row[:cut])
            client.send(row[cut:])
            assert [client.read_response().status for _ in range(2)] == [200, 400]


@pytest.mark.parametrize("line", [b"GET /", b"GET / HTTP/1.1 x", b"GET / http/1.1", b"GET / HTTP/11"])
def test_a_bad_request_line_is_refused(stage: Stage, line: bytes) -> None:
    """HTTP/0.9 included."""
    with stage.client() as client:
        client.send(line + b"\r\nHost: a\r\n\r\n")
        assert client.read_until_closed()[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5")


def test_transfer_encoding_in_http_1_0_is_refused(stage: Stage) -> None:
    """RFC 9112 section 6.1: its framing must be taken for faulty."""
    stage.closes(b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)


@pytest.mark.parametrize(
    "trailer", [b"Host: b", b"Content-Length: 3", b"Transfer-Encoding: chunked", b"X: a\0", b"X: a\rb"]
)
def test_framing_in_a_trailer_is_refused(stage: Stage, trailer: bytes) -> None:
    """RFC 9110 section 6.5.1."""
    stage.closes(get(b"/", CHUNKED, method=b"POST") + b"1\r\na\r\n0\r\n%b\r\n\r\n" % trailer, 400)


def test_pipelined_requests_are_answered_in_their_order(stage: Stage) -> None:
    """Also with bodies between them."""
    with stage.client() as client:
        client.send(
            get(b"/1")
            + post(b"two", b"/2")
            + get(b"/3", CHUNKED, method=b"PUT")
            + b"1\r\n3\r\n0\r\n\r\n"
            + get(b"/4")
        )
        assert [client.read_response().status for _ in range(4)] == [200] * 4
    assert [request.target for request in stage.legacy.requests] == [b"/1", b"/2", b"/3", b"/4"]


def test_a_bad_request_behind_good_ones_is_refused_in_its_turn(stage: Stage) -> None:
    """The good ones are answered first."""
    with stage.client() as client:
        client.send(get(b"/1") + get(b"/2") + b"BROKEN\r\n\r\n")
        assert [client.read_response().status for _ in range(2)] == [200] * 2
        assert client.read_until_closed().startswith(b"HTTP/1.1 400 ")


def test_nothing_behind_connection_close_is_served(stage: Stage) -> None:
    """RFC 9112 section 9.6."""
    with stage.client() as client:
        client.send(get(b"/1", b"Connection: close") + get(b"/2"))
        assert client.read_response().status == 200
        assert client.read_until_closed() == b""
    assert [request.target for request in stage.legacy.requests] == [b"/1"]


def test_a_line_end_between_requests_is_passed_over(stage: Stage) -> None:
    """RFC 9112 section 2.2."""
    with stage.client() as client:
        for _ in range(2):
            assert client.exchange(b"\r\n" + get() + b"\r\n").status == 200


def test_a_body_in_single_bytes_arrives_whole(stage: Stage) -> None:
    """Wherever the network cuts."""
    with stage.client() as client:
        client.send_slowly(get(b"/", CHUNKED, method=b"POST") + b"4\r\nabcd\r\n0\r\n\r\n", pause=0.001)
        assert client.read_response().status == 200
