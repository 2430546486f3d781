"""The deadlines, each driven past its end. The only tests here that wait for time to pass."""

import select
import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.compliance.limits import undisturbed, within
from tests.support.ports import wait_until
from tests.support.raw import Close, Pause, RawClient, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, get, post, says, steps

HEAD = 'head_timeout = "400ms"'
RATE = 'body_rate_window = "400ms"'
IDLE = 'idle_timeout = "600ms"'
BYTES = 600
"""So many, one by one, take half a minute: much longer than what is refused after its deadline."""


def trickled(client: RawClient, data: bytes, pause: float = 0.05) -> float:
    """Send bytes one by one until the gateway says something; how long that took."""
    began = time.monotonic()
    for byte in data:
        try:
            client.send(bytes([byte]))
        except OSError:
            client.read_available()
            break
        if client.read_available(pause):
            break
    return time.monotonic() - began


@within(HEAD)
def test_a_head_that_does_not_come_is_408(stage: Stage) -> None:
    """Counted from its first byte."""
    assert stage.closes(b"GET / HTTP/1.1\r\nHost:", 408)


@within(HEAD)
def test_a_byte_now_and_then_does_not_extend_the_heads_deadline(stage: Stage) -> None:
    """It is absolute."""
    with stage.client() as client:
        assert trickled(client, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (BYTES // 6)) < 15
        assert b"HTTP/1.1 408 " in client.log


@within(HEAD)
def test_line_ends_do_not_extend_it_either(stage: Stage) -> None:
    """They may stand before a request, but not instead of one."""
    with stage.client() as client:
        assert trickled(client, b"\r\n" * (BYTES // 2)) < 15
        assert b"HTTP/1.1 408 " in client.log


@within(HEAD)
def test_the_head_of_a_later_request_has_the_same_deadline(stage: Stage) -> None:
    """A connection that was good once is no better."""
    with stage.client() as client:
        client.exchange(get())
        client.send(b"GET / HT")
        assert client.read_until_closed().startswith(b"HTTP/1.1 408 ")


@within(RATE)
def test_a_body_that_comes_too_slowly_is_408(stage: Stage) -> None:
    """With a byte now and then; the upstream is aborted."""
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 1000", method=b"POST"))
        assert trickled(client, b"x" * BYTES) < 15
        assert b"HTTP/1.1 408 " in client.log
    assert len(stage.legacy.received) < 1200


@within(RATE)
def test_a_body_that_keeps_the_rate_has_no_deadline(stage: Stage) -> None:
    """However long it takes altogether."""
    stage.legacy.plays(says(OK))

    def attempt() -> bool:
        with stage.client() as client:
            client.send(get(b"/", b"Content-Length: 10000", method=b"POST"))
            for _ in range(10):
                client.send(b"x" * 1000)
                time.sleep(0.12)
            return client.read_response().status == 200

    assert undisturbed(attempt)


@within(IDLE)
@pytest.mark.parametrize("request_bytes", [get(), post(b"abc")])
def test_an_idle_connection_is_closed_without_a_word(stage: Stage, request_bytes: bytes) -> None:
    """A 408 would be taken for the answer to the next request."""

    def attempt() -> bool:
        with stage.client() as client:
            began = time.monotonic()
            client.exchange(request_bytes)
            assert client.read_until_closed() == b""
            assert time.monotonic() - began > 0.45
        return True

    assert undisturbed(attempt)


@within(IDLE)
def test_idle_after_a_body_in_pieces(stage: Stage) -> None:
    """The last piece of a body is not the first of a head."""

    def attempt() -> bool:
        with stage.client() as client:
            client.send(get(b"/", b"Content-Length: 4", method=b"POST") + b"ab")
            time.sleep(0.05)
            client.send(b"cd")
            assert client.read_response().status == 200
            assert client.read_until_closed() == b""
        return True

    assert undisturbed(attempt)


@within(IDLE)
def test_a_connection_that_says_nothing_is_closed(stage: Stage) -> None:
    """From the beginning."""
    with stage.client() as client:
        assert client.read_until_closed() == b""


@within(LEGACY__TIMEOUT="400ms")
def test_no_first_byte_in_time_is_504(stage: Stage) -> None:
    """The time of a slow upload does not count."""
    stage.legacy.plays(steps())
    with stage.client() as client:
        assert client.exchange(get()).status == 504


@within(LEGACY__TIMEOUT="400ms")
def test_informational_answers_do_not_extend_the_wait_for_the_first_byte(stage: Stage) -> None:
    """They are no answer, however many come."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        for _ in range(400):
            connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            time.sleep(0.1)

    stage.legacy.plays(scene)
    with stage.client() as client:
        began = time.monotonic()
        assert client.exchange(get()).status == 504
        assert time.monotonic() - began < 20


@within(LEGACY__IDLE_TIMEOUT="500ms")
def test_silence_in_the_middle_of_an_answer_cuts_it(stage: Stage) -> None:
    """Bytes before its end reset the clock."""
    pieces = [step for _ in range(3) for step in (Send(b"x"), Pause(0.3))]
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"), *pieces))

    def attempt() -> bool:
        with stage.client() as client:
            client.send(get())
            return client.read_until_closed().endswith(b"\r\n\r\nxxx")

    assert undisturbed(attempt)


@within(IDLE, LEGACY__IDLE_TIMEOUT="500ms")
def test_a_client_that_does_not_read_is_given_up_and_no_application_blamed(stage: Stage) -> None:
    """Its answer is dropped; nothing is counted against the upstream."""
    with stage.client() as client:
        client.exchange(get(b"/", b"Connection: close"))  # the worker opens what it needs with its first one
    body = b"x" * 8_000_000
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)))

    def attempt() -> bool:
        before = stage.reports.total("banyan_gateway_errors_total")
        descriptors = stage.worker.descriptors()
        with stage.client(receive_buffer=4096) as client:
            client.send(get())
            client.read_head()
            wait_until(lambda: stage.worker.descriptors() <= descriptors, what="the end of both connections")
        return stage.reports.total("banyan_gateway_errors_total") == before

    assert undisturbed(attempt)


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


@within(LEGACY__TIMEOUT="400ms", LEGACY__IDLE_TIMEOUT="500ms")
def test_an_upload_that_nobody_takes_is_given_up(stage: Stage) -> None:
    """The application is connected and reads nothing."""
    given_up = threading.Event()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        given_up.wait(60)

    stage.legacy.plays(scene)
    with stage.client() as client:
        client.send(get(b"/", b"Content-Length: 90000000", method=b"POST"))

        def upload() -> None:
            with suppress(OSError):
                while True:
                    client.socket.sendall(b"x" * 65536)

        uploading = threading.Thread(target=upload)
        uploading.start()
        try:
            assert client.read_response().status == 504
        finally:
            given_up.set()
            client.socket.shutdown(socket.SHUT_RDWR)
            uploading.join()


@within("max_connections = 20")
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

    def is_served() -> bool:
        with stage.client() as client:
            return client.exchange(get()).status == 200

    wait_until(is_served, what="a place that is free again")


@within(LEGACY__MAX_CONNECTIONS="4", LEGACY__MAX_WAITING="4")
def test_a_full_pool_lets_wait_and_then_refuses(stage: Stage) -> None:
    """Some may wait for a connection; the others get 503 at once."""
    refused = threading.Event()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        refused.wait(60)
        connection.send(OK)

    stage.legacy.plays(scene)
    clients = {one.socket.fileno(): one for one in (stage.client() for _ in range(12))}
    answered = select.poll()
    for number, client in clients.items():
        client.send(get())
        answered.register(number, select.POLLIN)
    wait_until(lambda: len(answered.poll(0)) == 4, what="those who are told at once")
    at_once = [clients.pop(number) for number, _ in answered.poll(0)]
    refusals = [client.read_response().status for client in at_once]
    refused.set()
    answers = [client.read_response().status for client in clients.values()]
    for client in (*at_once, *clients.values()):
        client.close()
    assert (refusals, answers) == ([503] * 4, [200] * 8)


@within(IDLE, LEGACY__IDLE_TIMEOUT="500ms")
@pytest.mark.parametrize("deaf", ["application", "client"])
def test_a_tunnel_whose_one_end_takes_nothing_is_given_up(stage: Stage, deaf: str) -> None:
    """Both ends are connected; what one sends waits for the other, and the silent tunnel beside it stays."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    handshake = get(b"/", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
    frames = b"x" * 65536
    over = threading.Event()

    def talks(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(switch)
        if deaf == "client" and request.target == b"/deaf":
            with suppress(OSError):
                while True:
                    connection.send(frames)
        over.wait(60)

    stage.legacy.plays(talks)
    with stage.client() as silent:
        try:
            silent.send(handshake)
            silent.read_head()
            beside = stage.worker.descriptors()
            with stage.client() as client:
                client.send(handshake.replace(b"GET / ", b"GET /deaf "))
                client.read_head()
                if deaf == "application":
                    with pytest.raises(ConnectionError):
                        client.send(frames * 1000)
                wait_until(lambda: stage.worker.descriptors() <= beside, what="the end of the deaf tunnel")
            assert not silent.closed_by_peer(within=0.1)
        finally:
            over.set()
