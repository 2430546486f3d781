"""Rule 15: who leaves is missed at once, and leaves nothing behind."""

import random
import time

from tests.support.ports import wait_until
from tests.support.raw import Close, Pause, RawClient, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, ended, get, post, says, steps

DISCONNECTS = 1000


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
        assert ended(stage.legacy.upstream.connections[-1])


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
        assert client.closed_by_peer(within=1)


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
    wait_until(lambda: stage.worker.descriptors() <= before, timeout=10, what="the end of every connection")
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).status == 200


def test_an_upstream_that_is_slow_to_accept_the_end_holds_nothing(stage: Stage) -> None:
    """The answer is complete: what the upstream does afterwards is its own affair."""
    stage.legacy.plays(steps(Send(OK), Pause(0.2), Close()))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).body == b"ok"
        assert client.exchange(get(b"/x")).body == b"ok"
