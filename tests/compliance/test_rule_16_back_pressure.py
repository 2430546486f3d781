"""Rule 16: a slow peer costs bounded memory, whichever end it stands on."""

import threading
import time

from tests.support.raw import Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, get, steps

MIB = 1024 * 1024
SIZE = 64 * MIB
PIECE = b"x" * MIB
ALLOWED = 32 * MIB


def grown(stage: Stage, before: int) -> int:
    """By how much the worker is larger than before."""
    return stage.worker.resident_bytes() - before


def test_a_slow_reader_of_a_large_answer(stage: Stage) -> None:
    """The upstream is read no faster than the client reads; every byte arrives."""
    sent = [0]

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // MIB):
            connection.send(PIECE)
            sent[0] += MIB

    stage.legacy.plays(scene)
    before = stage.worker.resident_bytes()
    with stage.client(timeout=60, receive_buffer=4096) as client:
        client.send(get(b"/orders/1"))
        client.read_head()
        time.sleep(0.3)
        assert sent[0] < SIZE // 2, "the upstream was read although the client reads nothing"
        assert grown(stage, before) < ALLOWED
        left = SIZE
        while left:
            left -= len(client.read_exactly(min(left, MIB)))
            client.forget()
            assert grown(stage, before) < ALLOWED


def test_a_slow_writer_to_a_slow_application(stage: Stage) -> None:
    """The client is read no faster than the application reads; every byte arrives."""
    go_on = threading.Event()
    arrived = [0]

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        go_on.wait(60)
        while arrived[0] < SIZE:
            arrived[0] += len(connection.read_exactly(min(MIB, SIZE - arrived[0]), timeout=60))
            connection.forget()
        connection.send(OK)

    stage.legacy.plays(scene)
    before = stage.worker.resident_bytes()
    sent = [0]
    with stage.client(timeout=60) as client:

        def upload() -> None:
            client.send(get(b"/orders/1", b"Content-Length: %d" % SIZE, method=b"PUT"))
            for _ in range(SIZE // MIB):
                client.send(PIECE)
                sent[0] += MIB

        writer = threading.Thread(target=upload)
        writer.start()
        time.sleep(0.3)
        assert sent[0] < SIZE // 2, "the client was read although the application reads nothing"
        assert grown(stage, before) < ALLOWED
        go_on.set()
        writer.join(60)
        assert client.read_response().body == b"ok"
    assert arrived[0] == SIZE
    assert grown(stage, before) < ALLOWED


def test_a_client_that_sends_ahead_is_read_no_further(stage: Stage) -> None:
    """Requests behind one that waits cost no more than the bound."""
    stage.legacy.plays(steps())
    before = stage.worker.resident_bytes()
    with stage.client(timeout=0.5) as client:
        try:
            for _ in range(64):
                client.send(get(b"/x") * 20_000)
            raise AssertionError("everything was taken")
        except TimeoutError:
            pass
        assert grown(stage, before) < ALLOWED


def test_pipelined_answers_to_a_client_that_does_not_read(stage: Stage) -> None:
    """No further request is begun while the client has not read what it got."""
    body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MIB + PIECE
    stage.legacy.plays(steps(Send(body)))
    with stage.client(timeout=60, receive_buffer=4096) as client:
        client.send(get(b"/x") * 50)
        time.sleep(0.3)
        assert len(stage.legacy.requests) < 25
        for _ in range(50):
            assert client.read_response().body == PIECE
            client.forget()


def test_the_copy_for_the_comparison_is_bounded(stage: Stage) -> None:
    """An answer beyond the bound is captured as cut, not kept."""
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (8 * MIB) + PIECE * 8)))
    before = stage.worker.resident_bytes()
    with stage.client(timeout=60) as client:
        for _ in range(8):
            client.exchange(get(b"/orders/1"))
    assert grown(stage, before) < ALLOWED
