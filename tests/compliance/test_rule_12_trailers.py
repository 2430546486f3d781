"""Rule 12: trailers are dropped as a whole, on both sides, and never become fields of the head (RFC 9110
section 6.5)."""

from tests.support.stage import OK, Stage, answer, get, says

TRAILERS = b"2\r\nhi\r\n0\r\nX-Sum: 1\r\nSet-Cookie: evil=1\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"


def test_trailers_of_a_request_are_dropped(stage: Stage) -> None:
    """The body arrives, they do not, and the connection goes on."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        for _ in range(2):
            client.exchange(
                get(b"/", b"Transfer-Encoding: chunked", b"Trailer: X-Sum", method=b"POST") + TRAILERS
            )
    assert stage.legacy.received.count(b"2\r\nhi\r\n0\r\n\r\n") == 2
    assert b"X-Sum" not in stage.legacy.received
    assert b"6.6.6.6" not in stage.legacy.received


def test_trailers_of_an_answer_are_dropped(stage: Stage) -> None:
    """And nothing in the head announces them."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    stage.legacy.plays(says(head + TRAILERS, answer(b"next")))
    with stage.client() as client:
        response = client.exchange(get())
        assert (response.body, response.trailers, response.all(b"Trailer")) == (b"hi", [], [])
        assert client.exchange(get()).body == b"next"
        assert b"evil" not in client.log
