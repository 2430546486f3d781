"""Rule 11: a client that waits to be told to go on (RFC 9110 section 10.1.1)."""

import pytest

from tests.support.raw import Send
from tests.support.stage import OK, Stage, answer, get, post, says, steps

EXPECT = b"Expect: 100-continue"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_one_100_then_the_answer(stage: Stage, framing: bytes) -> None:
    """The upstream is not told of the expectation."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(get(b"/", framing, EXPECT, method=b"POST"))
        assert client.read_head() == CONTINUE
        assert client.read_available(0.05) == b""
        client.send(b"hello" if framing.startswith(b"Content") else b"5\r\nhello\r\n0\r\n\r\n")
        assert client.read_response().body == b"ok"
    assert stage.legacy.last().all(b"Expect") == []


def test_a_refusal_does_not_ask_for_the_body(stage: Stage) -> None:
    """A body that would be too large, a broken head."""
    for line in (b"Content-Length: 999999999999", b"Content-Length: x"):
        with stage.client() as client:
            client.send(get(b"/", line, EXPECT, method=b"POST"))
            came = client.read_until_closed()
        assert came.startswith(b"HTTP/1.1 4")
        assert CONTINUE not in came


def test_an_early_final_answer_arrives_without_the_upload(stage: Stage) -> None:
    """The upstream refuses on the head alone; the connection cannot go on."""
    refusal = answer(b"no", status=b"403 Forbidden")
    stage.legacy.plays(steps(Send(refusal)))
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 1000000", EXPECT, method=b"POST"))
        response = client.read_response()
        assert (response.status, response.body) == (403, b"no")
        assert response.get(b"Connection") == b"close"
        assert client.read_until_closed() == b""


def test_an_early_final_answer_arrives_in_the_middle_of_the_upload(stage: Stage) -> None:
    """What is still being sent is read and thrown away, so that the answer is not lost to a reset."""
    stage.legacy.plays(steps(Send(answer(b"too much", status=b"413 Too Large"))))
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 50000000", method=b"POST") + b"x" * 100_000)
        response = client.read_response()
        assert (response.status, response.body) == (413, b"too much")
        client.send(b"x" * 1_000_000)
        assert client.read_until_closed() == b""


def test_a_body_that_comes_unasked_needs_no_100(stage: Stage) -> None:
    """The client did not wait."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(post(b"hello", b"/", EXPECT))
        first = client.read_head()
        assert first in (CONTINUE, first)
        assert b"HTTP/1.1 200" in bytes(client.log) + client.read_available(0.3)


def test_http_1_0_and_requests_without_a_body_get_no_100(stage: Stage) -> None:
    """There is nothing to go on with."""
    stage.legacy.plays(says(OK))
    for request in (
        b"POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        get(b"/", EXPECT),
        get(b"/", EXPECT, b"Content-Length: 0", method=b"POST"),
    ):
        with stage.client() as client:
            client.send(request)
            assert client.read_head().startswith(b"HTTP/1.1 200 ")


def test_another_expectation_is_refused(stage: Stage) -> None:
    """RFC 9110 section 10.1.1 has only this one."""
    stage.closes(post(b"x", b"/", b"Expect: 200-ok"), 417)
