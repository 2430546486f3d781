"""Rule 3: the target goes out as it came in, and the same bytes are routed (RFC 9110 section 7.7)."""

import pytest

from tests.support.stage import OK, Stage, get, post, says

TARGETS = [
    b"/a%2Fb//c;x?q=a+b&&q=%7e&flag&%FF",
    b"/./a/../b/%2e%2e/c",
    b"//evil.example/x",
    b"/%",
    b"/%zz",
    b'/"<>^`{|}',
    b"/?",
    b"/?a=/../b?c",
    b"/\\..\\x",
    b"/:@!$&'()*+,;=~",
    b"/a?b=1#c?d#e",
    b"/caf\xc3\xa9?q=\xe0\xff",
]


@pytest.mark.parametrize("target", TARGETS)
def test_path_and_query_go_out_as_they_came_in(stage: Stage, target: bytes) -> None:
    """No byte is decoded, encoded, merged or resolved."""
    with stage.client() as client:
        assert client.exchange(get(target)).status == 200
    assert stage.legacy.last().line == b"GET %b HTTP/1.1" % target


def test_an_absolute_target_is_forwarded_in_origin_form(stage: Stage) -> None:
    """The authority becomes the Host; path and query stay as they are (RFC 9112 section 3.2.2)."""
    with stage.client() as client:
        for target, path in (
            (b"http://other.example:81/a%2Fb?x", b"/a%2Fb?x"),
            (b"HTTP://other.example:81?x=/", b"/?x=/"),
            (b"http://other.example:81", b"/"),
        ):
            client.exchange(get(target))
            request = stage.legacy.upstream.requests[-1]
            assert request.line == b"GET %b HTTP/1.1" % path
            assert request.all(b"Host") == [b"other.example:81"]


@pytest.mark.parametrize(
    ("target", "side"),
    [
        (b"/orders/1", b"new"),
        (b"/orders", b"new"),
        (b"/orders/%2e%2e/admin", b"new"),
        (b"http://x/orders/1", b"new"),
        (b"/orders%2F1", b"legacy"),
        (b"/%6Frders/1", b"legacy"),
        (b"/x/../orders/1", b"legacy"),
        (b"//orders/1", b"legacy"),
        (b"/Orders/1", b"legacy"),
        (b"/orders/\xe9", b"new"),
        (b"/orders\xe9/1", b"legacy"),
        (b"/ordersx", b"legacy"),
    ],
)
def test_the_router_reads_the_bytes_that_are_forwarded(stage: Stage, target: bytes, side: bytes) -> None:
    """No decoding here, so none can differ from the application's and reach another feature."""
    stage.dial(100)
    with stage.client() as client:
        assert client.exchange(get(target)).body == side


@pytest.mark.parametrize(
    "target", [b"/a#b", b"*", b"a", b"ftp://x/", b"http:///a", b"http://", b"\xc3\xa9", b"/a\x7fb"]
)
def test_what_is_no_target_is_refused(stage: Stage, target: bytes) -> None:
    """A fragment of a path (a reader may end it there), a relative path, a control character."""
    stage.closes(get(target), 400)
    assert not stage.legacy.requests


def test_any_line_is_read_wherever_it_stands_and_wherever_a_read_ends(stage: Stage) -> None:
    """In front, behind a body with a length, behind chunks in which such lines stand too, behind another."""
    stage.legacy.plays(says(OK))
    said = b"BAR /\xe9 HTTP/1.1\r\n\r\n\r\nBAR /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\nX: y\r\n\r\n" % (len(said), said)
    row = [
        get(b"/1\xff", method=b"FOO"),
        b"\r\n" + post(said, b"/2\xe9\xfe"),
        get(b"/3\xe9", b"Transfer-Encoding: chunked", method=b"-BAR") + chunks,
        b"\r\n\r\n" + get(b"/4\xe9", method=b"BAZ"),
    ]
    lines = [b"FOO /1\xff", b"POST /2\xe9\xfe", b"-BAR /3\xe9", b"BAZ /4\xe9"]
    data = b"".join(row)
    for cut in range(len(data)):
        stage.legacy.forget()
        with stage.client() as client:
            client.send(data[:cut])
            client.send(data[cut:])
            assert [client.read_response().status for _ in row] == [200] * len(row)
        assert [request.line for request in stage.legacy.requests] == [b"%b HTTP/1.1" % one for one in lines]
