"""Rule 3: the target goes out as it came in, and the same bytes are routed (RFC 9110 section 7.7)."""

import pytest

from tests.support.stage import Stage, get

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
        (b"/ordersx", b"legacy"),
    ],
)
def test_the_router_reads_the_bytes_that_are_forwarded(stage: Stage, target: bytes, side: bytes) -> None:
    """No decoding here, so none can differ from the application's and reach another feature."""
    stage.dial(100)
    with stage.client() as client:
        assert client.exchange(get(target)).body == side


@pytest.mark.parametrize(
    "target", [b"/a#b", b"*", b"a", b"ftp://x/", b"http:///a", b"http://", b"/\xc3\xa9", b"/a\x7fb"]
)
def test_what_is_no_target_is_refused(stage: Stage, target: bytes) -> None:
    """A fragment of a path (a reader may end it there), a relative path, bytes that no URL has."""
    stage.closes(get(target), 400)
    assert not stage.legacy.requests
