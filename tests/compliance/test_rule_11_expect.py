"""Rule 11: a client that waits to be told to go on (RFC 9110 section 10.1.1)."""

import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.compliance.limits import within
from tests.support.ports import wait_until
from tests.support.raw import Close, ClosedEarlyError, Send
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


@pytest.mark.parametrize("method", [b"POST", b"PUT"])
@pytest.mark.parametrize("close", [(), (b"Connection: close",)], ids=["unsaid", "said"])
def test_an_early_final_answer_is_not_lost_with_the_connection_behind_it(
    stage: Stage, method: bytes, close: tuple[bytes, ...]
) -> None:
    """The upstream answers and closes while the upload goes on: the write that fails is not the end of what
    was written to us. It is asked once."""
    stage.legacy.plays(steps(Send(answer(b"denied", *close, status=b"403 Forbidden")), Close()))
    files = Path(f"/proc/{stage.worker.process.pid}/fd")
    with stage.client() as client:
        client.exchange(get())
    time.sleep(0.5)  # the worker opens what it needs with its first request, and both connections end
    at_rest = len(list(files.iterdir()))
    stage.legacy.forget()
    for asked in range(1, 21):
        with stage.client() as client:
            with suppress(ConnectionError):  # it may be told to stop while it sends
                client.send(post(b"x" * 3_000_000, b"/orders/1", method=method))
            response = client.read_response()
        assert (response.status, response.body) == (403, b"denied")
        assert len(stage.legacy.requests) == asked
        # Where all of the upload fitted into the system's buffers, the connection may be kept for a moment.
        wait_until(lambda: len(list(files.iterdir())) <= at_rest, what="the end of both connections")


@within(LEGACY__KEEP_ALIVE="60s")
def test_an_early_final_answer_is_not_lost_on_a_connection_that_has_idled(stage: Stage) -> None:
    """It came behind the first bytes of this request, so it is its answer."""
    refusal = answer(b"denied", status=b"403 Forbidden")
    for _ in range(3):
        stage.legacy.plays(says(OK))
        with stage.client() as client:
            assert client.exchange(get()).status == 200
            time.sleep(1.5)
            stage.legacy.plays(steps(Send(refusal), Close()))
            with suppress(ConnectionError):
                client.send(post(b"x" * 3_000_000))
            assert client.read_response().body == b"denied"


def test_an_early_answer_that_was_cut_off_is_no_answer(stage: Stage) -> None:
    """What is left of it when the connection breaks is shown as it is: not all of it."""
    cut = answer(b"x" * 100, status=b"403 Forbidden")[:-1]
    stage.legacy.plays(steps(Send(cut), Close()))
    for _ in range(20):
        with stage.client() as client:
            with suppress(ConnectionError):
                client.send(post(b"x" * 3_000_000))
            with pytest.raises(ClosedEarlyError):
                client.read_response()


def test_a_body_that_comes_unasked_needs_no_100(stage: Stage) -> None:
    """The client did not wait."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(post(b"hello", b"/", EXPECT))
        assert client.read_response().status == 200


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
