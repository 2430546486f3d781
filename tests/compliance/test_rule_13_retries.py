"""Rule 13: a request that may have reached an upstream is repeated only where that is safe, once (RFC 9110
section 9.2.2)."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compliance.limits import undisturbed
from tests.support.ports import wait_until
from tests.support.raw import Close, RawClient, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Stage, answer, get, post, says, steps

FEATURES = """
[[feature]]
name = "orders"
match = ["/orders/*"]
fallback = "idempotency-key"
breaker = { failures = 1000, failure_rate = 1, open = "10s" }
"""
ENV = {f"BANYAN_UPSTREAMS__{side}__KEEP_ALIVE": "60s" for side in ("LEGACY", "NEW")}
KEY = b"Idempotency-Key: abc"


def stale(after: Callable[[UpstreamConnection, UpstreamRequest], None]) -> Callable[..., None]:
    """A scene: the first request of a connection is answered, the second finds it closed; then ``after``
    plays on new connections."""
    served: set[int] = set()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        if connection.number in served:
            connection.close()
        elif request.target.endswith(b"/warm"):
            served.add(connection.number)
            connection.send(OK)
        else:
            after(connection, request)

    return scene


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (get(b"/x"), 200),
        (get(b"/x", method=b"HEAD"), 200),
        (post(b"abc", b"/x", method=b"PUT"), 200),
        (get(b"/x", method=b"DELETE"), 200),
        (post(b"abc", b"/x"), 502),
        (post(b"abc", b"/x", method=b"PATCH"), 502),
        (post(b"abc", b"/x", KEY), 502),
        (post(b"abc", b"/orders/1", KEY), 200),
        (post(b"abc", b"/orders/1"), 502),
    ],
)
def test_a_stale_connection(stage: Stage, request_bytes: bytes, status: int) -> None:
    """Idempotent methods go out once more on a new connection; others only with a key, where the feature
    allows it."""
    stage.legacy.plays(stale(says(OK)))
    method = request_bytes.partition(b" ")[0].decode()
    with stage.client() as client:
        client.exchange(get(b"/warm"))
        assert client.exchange(request_bytes, method).status == status
    sent = [request for request in stage.legacy.requests if request.target != b"/warm"]
    assert len(sent) == (2 if status == 200 else 1)
    assert len({request.head for request in sent}) == 1, "the repeated request is the same request"


def test_it_is_repeated_once_at_most(stage: Stage) -> None:
    """On the other side after a busy connection of the new one died; and then never again."""
    stage.dial(100)
    stage.legacy.plays(steps(Close()))

    def attempt() -> bool:
        for player in stage.players:
            player.forget()
        stage.new.plays(stale(steps(Close())))
        with stage.client() as client:
            client.exchange(get(b"/orders/warm"))
            assert client.exchange(get(b"/orders/1")).status == 502
        new, legacy = ([request.target for request in player.requests] for player in stage.players[::-1])
        assert len(new) + len(legacy) == 3
        return (new, legacy) == ([b"/orders/warm", b"/orders/1"], [b"/orders/1"])

    assert undisturbed(attempt)  # a moment later the connection has rested: see the next test


def test_a_connection_that_rested_is_asked_for_again_on_the_same_side(stage: Stage) -> None:
    """It died of old age, which says nothing of the application; if the new one dies too, that was all."""
    stage.dial(100)
    stage.new.plays(stale(steps(Close())))
    with stage.client() as client:
        client.exchange(get(b"/orders/warm"))
        time.sleep(1.5)
        assert client.exchange(get(b"/orders/1")).status == 502
    assert [request.target for request in stage.new.requests] == [b"/orders/warm", b"/orders/1", b"/orders/1"]
    assert stage.legacy.requests == []


def test_a_fresh_connection_that_closes_is_not_tried_again_on_the_same_side(stage: Stage) -> None:
    """It did not die of old age: the application is broken."""
    stage.legacy.plays(steps(Close()))
    with stage.client() as client:
        assert client.exchange(get(b"/x")).status == 502
    assert len(stage.legacy.requests) == 1


def test_never_after_a_byte_of_the_answer(stage: Stage) -> None:
    """Not even after an informational one."""
    stage.dial(100)
    stage.new.plays(steps(Send(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"), Close()))
    with stage.client() as client:
        assert client.exchange(get(b"/orders/1")).status == 502
    stage.new.plays(steps(Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), Close()))
    with stage.client() as client:
        client.send(get(b"/orders/1"))
        assert client.read_until_closed().endswith(b"\r\n\r\nab")
    assert stage.legacy.requests == []


def test_at_most_a_fifth_of_what_is_active_may_be_repeats(stage: Stage) -> None:
    """Of ten requests whose connections all die, three go out again (three always may); seven are told."""
    together = threading.Barrier(10)
    held = threading.Event()
    phase = ["warm"]

    warm: set[int] = set()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        if phase[0] == "warm":
            together.wait(60)
            connection.send(OK)
        elif connection.number in warm:
            together.wait(60)
            connection.close()
        else:
            held.wait(60)
            connection.send(answer(b"repeated"))

    stage.legacy.plays(scene)
    clients = [RawClient(stage.worker.port) for _ in range(10)]
    for client in clients:
        client.send(get(b"/x"))
    assert [client.read_response().status for client in clients] == [200] * 10
    warm |= {connection.number for connection in stage.legacy.upstream.connections}
    phase[0] = "dying"
    stage.legacy.requests.clear()
    for client in clients:
        client.send(get(b"/x"))
    stage.legacy.upstream.wait_for_requests(13)
    held.set()
    statuses = sorted(client.read_response().status for client in clients)
    for client in clients:
        client.close()
    assert statuses == [200] * 3 + [502] * 7


@pytest.mark.parametrize("last", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_a_request_that_was_never_written_is_written_elsewhere_whatever_its_method(
    stage: Stage, last: bytes
) -> None:
    """An idle connection is closed by its application, with or without a last word, while the worker has
    read the request and not yet written it: nobody has got it, and that last word answers nobody.
    """
    stage.legacy.plays(says(OK))
    pid = stage.worker.process.pid
    with stage.client() as client:
        client.exchange(get(b"/warm"))
        idle = stage.legacy.upstream.connections[-1]
        opened = len(stage.legacy.upstream.connections)
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("T"))
            client.send(post(b"abc", b"/x"))
            time.sleep(0.05)
            idle.send(last)
            idle.socket.shutdown(socket.SHUT_WR)
            time.sleep(0.05)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert client.read_response().status == 200
    assert [request.target for request in stage.legacy.requests] == [b"/warm", b"/x"]
    assert len(stage.legacy.upstream.connections) == opened + 1
