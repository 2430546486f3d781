"""Rule 15: who leaves is missed at once, and leaves nothing behind."""

import random
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import wait_until
from tests.support.raw import Close, Pause, RawClient, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, ended, get, post, says, steps

DISCONNECTS = 1000
SOON = 8.0
"""Seconds in which is seen what is promised within one, on a machine that is busy: still shorter than every
limit by which the gateway would give up on a client that it takes to be there."""
UPGRADE = get(b"/ws", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
CRASHES = pytest.mark.parametrize("crashes", [False, True], ids=["closes", "resets"])


class Deaf:
    """An application that reads the head of a request, and no more until it is told to go on."""

    def __init__(self) -> None:
        self.first = b""
        self.go_on = threading.Event()

    def __call__(self, connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(self.first)
        self.go_on.wait(60)


@pytest.fixture
def deaf(stage: Stage) -> Iterator[Deaf]:
    application = Deaf()
    stage.legacy.plays(application)
    yield application
    application.go_on.set()


def push(stage: Stage, client: RawClient, piece: int = 100_000) -> int:
    """Send until the worker reads no more. All that was sent has reached its machine: only then can an end
    be seen behind it. Returns how much that was."""
    for pieces in range(600):
        if waits_unread(stage, client):
            return pieces * piece
        client.send(b"x" * piece)
    raise AssertionError("everything was taken")


def waits_unread(stage: Stage, client: RawClient) -> bool:
    """Whether what this client sent waits at the worker's socket, and goes on waiting while the worker does
    not stand still."""
    waiting = unread(client)
    if waiting:
        for _ in range(3):
            with stage.client() as other:
                other.send(get(b"/", b"Max-Forwards: 0", b"Connection: close", method=b"OPTIONS"))
                assert b" 204 " in other.read_until_closed()
    return 0 < waiting == unread(client)


def unread(client: RawClient) -> int:
    """How many bytes of this client the worker has not read: the kernel's own table says it."""
    worker, local = (f":{name[1]:04X}" for name in (client.socket.getpeername(), client.socket.getsockname()))
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return sum(
        int(row[4].partition(":")[2], 16)
        for row in table
        if row[1].endswith(worker) and row[2].endswith(local)
    )


def hears_the_end(sock: socket.socket, within: float = SOON) -> bool:
    """Whether the other end is gone within this time, for who reads nothing."""
    looks = select.poll()
    looks.register(sock, select.POLLRDHUP)
    return bool(looks.poll(within * 1000))


def leave(client: RawClient, *, crashes: bool) -> None:
    """One way or the other."""
    client.reset() if crashes else client.close()


def test_a_client_that_leaves_cancels_the_upstream(stage: Stage) -> None:
    """Within a second: while it waits for the answer, in the middle of it, in the middle of its own body."""
    waiting = get(b"/x")
    halfway = get(b"/x", b"Content-Length: 100", method=b"POST") + b"half"
    for request, scene in (
        (waiting, steps()),
        (waiting, steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"))),
        (halfway, steps()),
        (waiting + get(b"/pipelined"), steps()),
        (waiting + post(b"x" * 1000, b"/pipelined"), steps()),
    ):
        stage.legacy.reset()
        stage.legacy.plays(scene)
        with stage.client() as client:
            client.send(request)
            stage.legacy.last()
        assert ended(stage.legacy.upstream.connections[-1], within=SOON)


@CRASHES
def test_a_client_that_leaves_is_missed_although_the_application_takes_no_more(
    stage: Stage, deaf: Deaf, crashes: bool
) -> None:
    """Its upload is stuck, so it is not read either: the application hears of it within a second."""
    client = stage.client()
    client.send(get(b"/x", b"Content-Length: 90000000", method=b"POST"))
    push(stage, client)
    before = stage.worker.descriptors()
    leave(client, crashes=crashes)
    assert hears_the_end(stage.legacy.upstream.connections[-1].socket)
    wait_until(lambda: stage.worker.descriptors() <= before - 2, timeout=SOON)


@CRASHES
def test_a_client_that_leaves_is_missed_behind_all_that_it_sent_ahead(
    stage: Stage, deaf: Deaf, crashes: bool
) -> None:
    """Another request waits behind the first, with more of a body than is read ahead."""
    client = stage.client()
    client.send(get(b"/hang") + get(b"/next", b"Content-Length: 90000000", method=b"POST"))
    push(stage, client, piece=10_000)
    leave(client, crashes=crashes)
    assert hears_the_end(stage.legacy.upstream.connections[-1].socket)


def test_a_client_that_crashes_ends_a_tunnel_whose_application_takes_no_more(
    stage: Stage, deaf: Deaf
) -> None:
    """What still waited for the application has no sender any more."""
    deaf.first = SWITCH
    client = stage.client()
    client.send(UPGRADE)
    client.read_head()
    push(stage, client)
    before = stage.worker.descriptors()
    client.reset()
    assert hears_the_end(stage.legacy.upstream.connections[-1].socket)
    wait_until(lambda: stage.worker.descriptors() <= before - 2, timeout=SOON)


def test_what_a_client_sent_before_it_left_still_goes_through_a_tunnel(stage: Stage, deaf: Deaf) -> None:
    """The application takes it, only slowly: it left in good order, and no byte of that is lost."""
    deaf.first = SWITCH
    with stage.client() as client:
        client.send(UPGRADE)
        client.read_head()
        sent = push(stage, client)
    time.sleep(0.5)
    connection = stage.legacy.upstream.connections[-1]
    came = 0
    while data := connection.socket.recv(1_000_000):
        came += len(data)
    assert came == sent


def test_a_client_that_left_holds_no_tunnel_whose_application_hangs(stage: Stage, deaf: Deaf) -> None:
    """What it sent waits for a moment, and then nobody does."""
    deaf.first = SWITCH
    with stage.client() as client:
        client.send(UPGRADE)
        client.read_head()
        push(stage, client)
        before = stage.worker.descriptors()
    wait_until(lambda: stage.worker.descriptors() <= before - 1, timeout=SOON)  # its own at once
    assert hears_the_end(stage.legacy.upstream.connections[-1].socket, within=SOON)


def test_a_client_that_resets_cancels_the_upstream(stage: Stage) -> None:
    """A crash is a way of leaving."""
    stage.legacy.plays(steps())
    client = stage.client()
    client.send(get(b"/x"))
    stage.legacy.last()
    client.reset()
    assert ended(stage.legacy.upstream.connections[-1])


def test_an_upstream_that_leaves_closes_the_client(stage: Stage) -> None:
    """In the middle of an answer there is nothing else to say."""
    stage.legacy.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), Close()))
    with stage.client() as client:
        client.send(get(b"/x"))
        assert client.closed_by_peer(within=SOON)


def test_a_client_that_left_is_counted_as_such(stage: Stage) -> None:
    """Its request has no status."""
    before = stage.reports.total("banyan_requests_total", l3="client_gone")
    stage.legacy.plays(steps())
    with stage.client() as client:
        client.send(get(b"/x"))
        stage.legacy.last()
    assert ended(stage.legacy.upstream.connections[-1])
    assert stage.reports.total("banyan_requests_total", l3="client_gone") == before + 1


def test_disconnects_at_random_moments_leave_nothing_behind(stage: Stage) -> None:
    """No descriptor, no connection, no slot: a request is served as before."""
    moments = random.Random(15)
    requests = [
        get(b"/orders/1"),
        post(b"x" * 5000, b"/orders/1"),
        get(b"/x", b"Expect: 100-continue", b"Content-Length: 9", method=b"POST"),
        get(b"/1") + get(b"/2") + get(b"/3"),
        get(b"/x", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x"),
    ]

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.read_body(request.headers)
        time.sleep(moments.random() * 0.003)
        connection.send(OK[: moments.randrange(1, len(OK))] if moments.random() < 0.3 else OK)

    wait_until(lambda: stage.worker.descriptors() > 0)
    time.sleep(2)  # what other tests left in the pool is closed by now
    before = stage.worker.descriptors()
    stage.legacy.plays(scene)
    for _ in range(DISCONNECTS):
        client = RawClient(stage.worker.port)
        request = moments.choice(requests)
        client.send(request[: moments.randrange(len(request) + 1)])
        if moments.random() < 0.5:
            time.sleep(moments.random() * 0.004)
        client.reset() if moments.random() < 0.5 else client.close()
    wait_until(lambda: stage.worker.descriptors() <= before, timeout=60, what="the end of every connection")
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).status == 200


def test_an_upstream_that_is_slow_to_accept_the_end_holds_nothing(stage: Stage) -> None:
    """The answer is complete: what the upstream does afterwards is its own affair."""
    stage.legacy.plays(steps(Send(OK), Pause(0.2), Close()))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).body == b"ok"
        assert client.exchange(get(b"/x")).body == b"ok"
