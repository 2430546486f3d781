"""Rule 8: an answer that ends early ends early for the client too (RFC 9112 section 8)."""

import time

import pytest

from tests.support.raw import Close, ClosedEarlyError, Pause, RawClient, Reset, Send, Step
from tests.support.stage import Stage, get, steps

BY_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf."
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf.\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhalf."


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["closed", "reset"])
@pytest.mark.parametrize("head", [BY_LENGTH, CHUNKED], ids=["length", "chunked"])
def test_an_early_end_is_an_early_end(stage: Stage, head: bytes, end: Step) -> None:
    """No last chunk, fewer bytes than announced, the connection closed; and it is counted."""
    before = stage.reports.total("banyan_gateway_errors_total", l0="closed_early")
    stage.legacy.plays(steps(Send(head), Pause(0.05), end))
    with stage.client() as client:
        client.send(get())
        with pytest.raises(ClosedEarlyError):
            client.read_response()
        assert b"half." in client.log
        assert not client.log.endswith(b"0\r\n\r\n")
    assert stage.reports.total("banyan_gateway_errors_total", l0="closed_early") == before + 1


def test_a_reset_is_no_end_of_an_answer_that_only_the_close_ends(stage: Stage) -> None:
    """A close in good order is one."""
    stage.legacy.plays(steps(Send(UNTIL_CLOSE), Pause(0.05), Reset()))
    with stage.client() as client:
        client.send(get())
        with pytest.raises(ClosedEarlyError):
            client.read_response()
    stage.legacy.plays(steps(Send(UNTIL_CLOSE), Close()))
    with stage.client() as client:
        assert client.exchange(get()).body == b"half."


def reset_is_seen(client: RawClient) -> bool:
    """Whether the connection ends with a reset, not in good order."""
    client.socket.settimeout(30)
    try:
        while client.socket.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return False


def test_to_http_1_0_a_cut_answer_ends_with_a_reset(stage: Stage) -> None:
    """It has no chunks: a close would look like the end of the answer."""
    stage.legacy.plays(steps(Send(CHUNKED), Pause(0.1), Close()))
    with stage.client() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        assert reset_is_seen(client)


@pytest.mark.parametrize("kind", ["drip", "large"])
def test_a_client_of_http_1_0_that_closes_its_half_sees_a_reset(stage: Stage, kind: str) -> None:
    """It has left, but it may still read: what it got is not all of it."""
    first = b"x" * 5_000_000 if kind == "large" else b"half."
    stage.legacy.plays(steps(Send(UNTIL_CLOSE + first), Pause(1)))
    with stage.client() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        client.read_head()
        client.finish_sending()
        assert reset_is_seen(client)


@pytest.mark.parametrize("size", [5, 600_000])
def test_to_http_1_0_a_whole_answer_ends_in_good_order(stage: Stage, size: int) -> None:
    """Nothing of it is lost to a reset, however slowly it is read, nor afterwards."""
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size), Close()))
    with stage.client(receive_buffer=4096) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        client.read_head()
        got = len(client.read_available(0))
        while data := client.socket.recv(20_000):
            got += len(data)
            time.sleep(0.1)
        assert got == size
        time.sleep(2.3)  # longer than a client is waited for
        assert client.socket.recv(1) == b""


def test_a_cut_answer_is_never_captured(stage: Stage) -> None:
    """It is counted as dropped: there is nothing to compare."""
    before = stage.reports.total("banyan_capture_total", l1="dropped")
    stage.legacy.plays(steps(Send(BY_LENGTH), Pause(0.05), Close()))
    with stage.client() as client:
        client.send(get(b"/orders/1"))
        with pytest.raises(ClosedEarlyError):
            client.read_response()
    assert stage.reports.total("banyan_capture_total", l1="dropped") == before + 1
