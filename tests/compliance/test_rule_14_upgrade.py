"""Rule 14: WebSocket passes untouched, its side is fixed at the handshake, h2c is not forwarded (RFC 9110
section 7.8)."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.ports import wait_until
from tests.support.raw import Pause, RawClient, Reset, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Scene, Stage, answer, ended, get, post, says, steps

HANDSHAKE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: x",
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: y\r\n\r\n"
)


ESTABLISHED, KEEP_ALIVE_TIMER = "01", "02"


def switching(first: bytes = b"") -> Scene:
    """A scene that switches and then sends back what it gets."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(SWITCH + first)
        while True:
            connection.send(connection.read_exactly(1, timeout=60))

    return scene


@contextmanager
def held_up(stage: Stage) -> Iterator[None]:
    """The gateway's process stands still, and what is sent to it waits."""
    os.kill(stage.worker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stage.worker.process.pid, signal.SIGCONT)


@pytest.fixture
def tunnel(stage: Stage) -> Iterator[RawClient]:
    """A client that has switched, on the new side of the feature."""
    stage.dial(100)
    stage.new.plays(switching())
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        assert client.read_head().startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        yield client


def test_the_handshake_passes(stage: Stage, tunnel: RawClient) -> None:
    """The fields of the handshake arrive, and Upgrade is said anew on both hops."""
    request = stage.new.last()
    assert request.all(b"Upgrade") == [b"websocket"]
    assert request.all(b"Connection") == [b"Upgrade"]
    assert request.all(b"Sec-WebSocket-Key") == [b"x"]
    head = bytes(tunnel.log)
    assert head.count(b"Upgrade: websocket\r\n") == 1
    assert b"\r\nSec-WebSocket-Accept: y\r\n" in head


def test_bytes_pass_untouched_in_both_directions(tunnel: RawClient) -> None:
    """Whatever they are."""
    data = bytes(range(256)) * 40
    tunnel.send(data)
    assert tunnel.read_exactly(len(data)) == data


def test_bytes_sent_with_the_handshake_pass(stage: Stage) -> None:
    """By a client that does not wait, and by a server that speaks first."""
    stage.legacy.plays(switching(b"\x81\x02hi"))
    with stage.client() as client:
        client.send(get(b"/ws", *HANDSHAKE) + b"early")
        client.read_head()
        assert client.read_exactly(9) == b"\x81\x02hiearly"


def test_a_handshake_that_says_it_has_no_body_passes(stage: Stage) -> None:
    """A length of nothing changes nothing; it is not said again."""
    stage.legacy.plays(switching())
    with stage.client() as client:
        client.send(get(b"/ws", *HANDSHAKE, b"Content-Length: 0"))
        assert client.read_head().startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        client.send(b"there")
        assert client.read_exactly(5) == b"there"
    request = stage.legacy.last()
    assert request.all(b"Upgrade") == [b"websocket"]
    assert request.all(b"Connection") == [b"Upgrade"]
    assert request.all(b"Content-Length") == []


def test_what_a_refused_handshake_carried_is_the_next_request(stage: Stage) -> None:
    """The connection goes on as HTTP."""
    stage.legacy.plays(says(answer(b"no", status=b"403 Forbidden"), OK))
    with stage.client() as client:
        client.send(get(b"/ws", *HANDSHAKE) + get(b"/next"))
        assert client.read_response().status == 403
        assert client.read_response().body == b"ok"


@pytest.mark.parametrize(
    "request_bytes",
    [
        get(
            b"/a",
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        get(b"/a", b"Upgrade: h2c"),
        get(b"/a", b"Upgrade: websocket"),
        get(b"/a", b"Connection: Upgrade", b"Upgrade: websocket, h2c"),
        post(b"abc", b"/a", b"Connection: Upgrade", b"Upgrade: websocket"),
        post(b"abc", b"/a", b"Connection: Upgrade", b"Upgrade: h2c"),
        get(b"/a", b"Connection: Upgrade", b"Upgrade: h2c", b"Transfer-Encoding: chunked", method=b"POST")
        + b"3\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_another_upgrade_is_not_forwarded(stage: Stage, request_bytes: bytes) -> None:
    """h2c above all: the request goes on as plain HTTP, its body whole, and the next one is read right."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        client.send(request_bytes + get(b"/b"))
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    first, second = stage.legacy.requests
    for name in (b"Upgrade", b"Connection", b"HTTP2-Settings"):
        assert first.all(name) == []
    assert second.target == b"/b"
    if b"abc" in request_bytes:
        assert b"abc" in stage.legacy.received


def test_hundreds_of_other_upgrades_in_one_read_are_each_answered(stage: Stage) -> None:
    """What stops the parser at each of them must not pile up on the stack."""
    stage.legacy.plays(says(OK))
    with stage.client() as client:
        with held_up(stage):
            client.send(get(b"/a", b"Connection: upgrade", b"Upgrade: h2c") * 1200 + get(b"/end"))
        assert [client.read_response().status for _ in range(1201)] == [200] * 1201
    assert stage.legacy.last().target == b"/end"


def test_hundreds_of_handshakes_that_are_refused_here_are_each_answered(stage: Stage) -> None:
    """They need nobody, so each makes room for the next at once."""
    with stage.client() as client:
        client.exchange(get())
        via = stage.legacy.last().get(b"Via") or b""
        with held_up(stage):  # so that it reads as many at once as it can
            client.send(get(b"/a", *HANDSHAKE[:2], b"Via: " + via) * 2500 + get(b"/end"))
        assert [client.read_response().status for _ in range(2501)] == [508] * 2500 + [200]


def test_a_chunked_body_behind_a_refused_upgrade_is_never_read_as_a_request(stage: Stage) -> None:
    """The answer ends the connection before the body has come."""
    with stage.client() as client:
        client.exchange(get())
    via = stage.legacy.last().get(b"Via") or b""
    lines = (b"Connection: upgrade", b"Upgrade: h2c", b"Transfer-Encoding: chunked", b"Via: " + via)
    mistakes = stage.worker.process.output().count("Traceback")
    stage.closes(get(b"/a", *lines, method=b"POST") + b"3\r\nabc\r\n0\r\n\r\n" + get(b"/smuggled"), 508)
    assert stage.worker.process.output().count("Traceback") == mistakes
    assert [request.target for request in stage.legacy.requests] == [b"/"]


def test_an_upgrade_in_http_1_0_is_ignored(stage: Stage) -> None:
    """RFC 9110 section 7.8."""
    with stage.client() as client:
        client.send(b"GET /a HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.read_response().status == 200
    assert stage.legacy.last().all(b"Upgrade") == []


def test_a_switch_to_another_protocol_than_asked_for_is_an_error(stage: Stage) -> None:
    """Nothing of it reaches the client."""
    stage.legacy.plays(says(SWITCH.replace(b"websocket", b"h2c") + b"POISON"))
    with stage.client() as client:
        assert client.exchange(get(b"/ws", *HANDSHAKE)).status == 502
        assert b"POISON" not in client.log


def test_a_rollback_closes_with_1012(stage: Stage, tunnel: RawClient) -> None:
    """So that the client comes back, now on the other side."""
    stage.latch("orders")
    assert tunnel.read_until_closed() == b"\x88\x02\x03\xf4"
    assert ended(stage.new.upstream.connections[-1])


def test_a_dial_to_0_closes_with_1012_and_a_lower_one_does_not(stage: Stage, tunnel: RawClient) -> None:
    """0 means that nobody is on the new side; anything else is in no hurry."""
    stage.dial(0.01)
    tunnel.send(b"\x81\x02ok")
    assert tunnel.read_exactly(4) == b"\x81\x02ok"
    stage.dial(0)
    assert tunnel.read_until_closed() == b"\x88\x02\x03\xf4"


def test_a_rollback_waits_for_the_frame_under_way(stage: Stage) -> None:
    """A close frame in the middle of another frame would be taken for its payload."""
    stage.dial(100)
    rest = threading.Event()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(SWITCH + b"\x82\x7e\x01\x00" + b"a" * 100)
        rest.wait(60)
        connection.send(b"b" * 156 + b"\x81\x02no")
        connection.read_until_closed(timeout=60)

    stage.new.plays(scene)
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        client.read_head()
        client.read_exactly(104)
        stage.latch("orders")
        rest.set()
        assert client.read_until_closed() == b"b" * 156 + b"\x88\x02\x03\xf4"


def held_back(release: threading.Event) -> Scene:
    """A scene that switches only when it may."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        assert release.wait(60)
        connection.send(SWITCH + b"\x81\x02hi")
        connection.read_until_closed(timeout=60)

    return scene


@pytest.mark.parametrize("how", ["rollback", "dial to 0"])
def test_a_handshake_under_way_at_a_rollback_is_closed_with_1012(stage: Stage, how: str) -> None:
    """Its answer comes after every other tunnel was closed: it must not stay on the side taken back."""
    stage.dial(100)
    release = threading.Event()
    stage.new.plays(held_back(release))
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        stage.new.last()
        if how == "rollback":
            stage.latch("orders")
        else:
            stage.dial(0)
        release.set()
        assert client.read_head().startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert client.read_until_closed() == b"\x81\x02hi\x88\x02\x03\xf4"
    assert ended(stage.new.upstream.connections[-1])


def test_a_rollback_leaves_the_tunnels_of_legacy_alone(stage: Stage) -> None:
    """They are where they should be."""
    stage.legacy.plays(switching())
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        client.read_head()
        stage.latch("orders")
        client.send(b"still here")
        assert client.read_exactly(10) == b"still here"


def test_a_peer_that_vanishes_without_a_word_is_asked_for(stage: Stage, tunnel: RawClient) -> None:
    """A tunnel has no deadline: the system asks both ends whether they are there (the kernel's own table says
    that it will)."""
    upstream = stage.new.upstream.connections[-1].socket.getsockname()[1]
    for end in (tunnel.socket.getsockname()[1], upstream):
        # Before the peer's system has said that it has all, the timer is another one.
        wait_until(lambda end=end: timers(end) == [KEEP_ALIVE_TIMER], what="the timer that asks for a peer")  # type: ignore[misc] # of a default that is bound here


def timers(end: int) -> list[str]:
    """What the kernel waits for on the connections to this port."""
    ours = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        words[5].split(":")[0]
        for words in ours
        if words[2].endswith(f":{end:04X}") and words[3] == ESTABLISHED
    ]


def test_either_end_that_leaves_ends_the_tunnel(stage: Stage, tunnel: RawClient) -> None:
    """And the connection is never used for another request."""
    tunnel.close()
    assert ended(stage.new.upstream.connections[-1])
    stage.new.plays(steps(Send(SWITCH), Pause(0.05), Reset()))
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        client.read_head()
        assert client.closed_by_peer()
