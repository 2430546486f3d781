"""The deadlines, each driven past its end. The only tests here that wait for time to pass."""

import time

import pytest

from tests.support.raw import Close, Pause, RawClient, Send
from tests.support.stage import OK, Stage, get, post, says, steps

SETTINGS = """
[listen]
head_timeout = "400ms"
body_rate_window = "400ms"
idle_timeout = "600ms"
max_connections = 20
"""
ENV = {
    "BANYAN_UPSTREAMS__LEGACY__TIMEOUT": "400ms",
    "BANYAN_UPSTREAMS__LEGACY__IDLE_TIMEOUT": "500ms",
    "BANYAN_UPSTREAMS__LEGACY__MAX_CONNECTIONS": "4",
    "BANYAN_UPSTREAMS__LEGACY__MAX_WAITING": "4",
}


def trickled(client: RawClient, data: bytes, pause: float = 0.05) -> float:
    """Send bytes one by one until the gateway says something; how long that took."""
    began = time.monotonic()
    for byte in data:
        try:
            client.send(bytes([byte]))
        except OSError:
            break
        if client.read_available(pause):
            break
    return time.monotonic() - began


def test_a_head_that_does_not_come_is_408(stage: Stage) -> None:
    """Counted from its first byte."""
    assert stage.closes(b"GET / HTTP/1.1\r\nHost:", 408)


def test_a_byte_now_and_then_does_not_extend_the_heads_deadline(stage: Stage) -> None:
    """It is absolute."""
    with stage.client() as client:
        taken = trickled(client, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100)
        assert taken < 2
        assert b"HTTP/1.1 408 " in client.log


def test_line_ends_do_not_extend_it_either(stage: Stage) -> None:
    """They may stand before a request, but not instead of one."""
    with stage.client() as client:
        assert trickled(client, b"\r\n" * 50) < 2
        assert b"HTTP/1.1 408 " in client.log


def test_the_head_of_a_later_request_has_the_same_deadline(stage: Stage) -> None:
    """A connection that was good once is no better."""
    with stage.client() as client:
        client.exchange(get())
        client.send(b"GET / HT")
        assert client.read_until_closed().startswith(b"HTTP/1.1 408 ")


def test_a_body_that_comes_too_slowly_is_408(stage: Stage) -> None:
    """With a byte now and then; the upstream is aborted."""
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 1000", method=b"POST"))
        assert trickled(client, b"x" * 100) < 3
        assert b"HTTP/1.1 408 " in client.log
    assert len(stage.legacy.received) < 1200


def test_a_body_that_keeps_the_rate_has_no_deadline(stage: Stage) -> None:
    """However long it takes altogether."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 10000", method=b"POST"))
        for _ in range(10):
            client.send(b"x" * 1000)
            time.sleep(0.12)
        assert client.read_response().status == 200


@pytest.mark.parametrize("request_bytes", [get(), post(b"abc")])
def test_an_idle_connection_is_closed_without_a_word(stage: Stage, request_bytes: bytes) -> None:
    """A 408 would be taken for the answer to the next request."""
    with stage.client() as client:
        client.exchange(request_bytes)
        began = time.monotonic()
        assert client.read_until_closed() == b""
        assert time.monotonic() - began > 0.45


def test_idle_after_a_body_in_pieces(stage: Stage) -> None:
    """The last piece of a body is not the first of a head."""
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 4", method=b"POST") + b"ab")
        time.sleep(0.05)
        client.send(b"cd")
        assert client.read_response().status == 200
        assert client.read_until_closed() == b""


def test_a_connection_that_says_nothing_is_closed(stage: Stage) -> None:
    """From the beginning."""
    with stage.client() as client:
        assert client.read_until_closed() == b""


def test_no_first_byte_in_time_is_504(stage: Stage) -> None:
    """The time of a slow upload does not count."""
    stage.legacy.plays(steps())
    with stage.client() as client:
        assert client.exchange(get()).status == 504


def test_silence_in_the_middle_of_an_answer_cuts_it(stage: Stage) -> None:
    """Bytes before its end reset the clock."""
    pieces = [step for _ in range(3) for step in (Send(b"x"), Pause(0.3))]
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), *pieces, Pause(1)))
    with stage.client() as client:
        client.send(get())
        assert client.read_until_closed().endswith(b"\r\n\r\nxxx")


def test_a_client_that_does_not_read_is_given_up_and_no_application_blamed(stage: Stage) -> None:
    """Its answer is dropped; nothing is counted against the upstream."""
    before = stage.reports.total("banyan_gateway_errors_total")
    body = b"x" * 8_000_000
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)))
    descriptors = stage.worker.descriptors()
    with stage.client(receive_buffer=4096) as client:
        client.send(get())
        client.read_head()
        deadline = time.monotonic() + 8
        while stage.worker.descriptors() > descriptors and time.monotonic() < deadline:
            time.sleep(0.1)
        assert stage.worker.descriptors() <= descriptors
    assert stage.reports.total("banyan_gateway_errors_total") == before


def test_a_slow_reader_of_a_last_answer_gets_all_of_it(stage: Stage) -> None:
    """Longer than the time that is left to a client to close, as long as it reads on."""
    body = b"x" * 600_000
    stage.legacy.plays(
        steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body), Close())
    )
    got = 0
    with stage.client(receive_buffer=4096) as client:
        client.send(get(b"/", b"Connection: close"))
        client.read_head()
        while got < len(body):
            got += len(client.read_exactly(min(20_000, len(body) - got)))
            time.sleep(0.1)
    assert got == len(body)


def test_an_upload_that_nobody_takes_is_given_up(stage: Stage) -> None:
    """The application is connected and reads nothing."""
    stage.legacy.plays(steps(Pause(3)))
    with stage.client() as client:
        client.socket.settimeout(0.2)
        client.timeout = 0.2
        try:
            for _ in range(1000):
                client.send(b"x" * 65536 if _ else get(b"/", b"Content-Length: 90000000", method=b"POST"))
        except TimeoutError:
            pass
        client.timeout = 5
        assert client.read_response().status == 504


def test_too_many_connections_are_told_so(stage: Stage) -> None:
    """503 with Retry-After, at once; those that are there go on, and a place that becomes free is free."""
    clients = [stage.client() for _ in range(20)]
    assert clients[0].exchange(get()).status == 200
    with stage.client() as late:
        response = late.read_response()
        assert (response.status, response.get(b"Retry-After")) == (503, b"1")
        assert late.read_until_closed() == b""
    assert clients[1].exchange(get()).status == 200
    for client in clients:
        client.close()
    time.sleep(0.1)
    with stage.client() as client:
        assert client.exchange(get()).status == 200


def test_a_full_pool_lets_wait_and_then_refuses(stage: Stage) -> None:
    """Some may wait for a connection; the others get 503 at once."""
    stage.legacy.plays(steps(Pause(0.2), Send(OK)))
    clients = [stage.client() for _ in range(12)]
    for client in clients:
        client.send(get())
    answers = [client.read_response() for client in clients]
    statuses = sorted(answer.status for answer in answers)
    for client in clients:
        client.close()
    assert statuses == [200] * 8 + [503] * 4
