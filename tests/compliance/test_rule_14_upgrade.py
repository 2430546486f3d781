"""Rule 14: WebSocket passes untouched, its side is fixed at the handshake, h2c is not forwarded (RFC 9110
section 7.8)."""

import base64
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from tests.support.ports import LOOPBACK
from tests.support.raw import Pause, RawClient, Reset, Send, UpstreamConnection, UpstreamRequest
from tests.support.stage import OK, Scene, Stage, answer, ended, get, post, says, steps
from tests.support.worker import WorkerUnderTest, running_worker

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


def switching(first: bytes = b"") -> Scene:
    """A scene that switches and then sends back what it gets."""

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(SWITCH + first)
        while True:
            connection.send(connection.read_exactly(1, timeout=30))

    return scene


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


def test_a_rollback_waits_for_the_frame_under_way(stage: Stage) -> None:
    """A close frame in the middle of another frame would be taken for its payload."""
    stage.dial(100)
    rest = threading.Event()

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(SWITCH + b"\x82\x7e\x01\x00" + b"a" * 100)
        rest.wait(5)
        connection.send(b"b" * 156 + b"\x81\x02no")
        connection.read_until_closed(timeout=5)

    stage.new.plays(scene)
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        client.read_head()
        client.read_exactly(104)
        stage.latch("orders")
        rest.set()
        assert client.read_until_closed() == b"b" * 156 + b"\x88\x02\x03\xf4"


def test_a_rollback_leaves_the_tunnels_of_legacy_alone(stage: Stage) -> None:
    """They are where they should be."""
    stage.legacy.plays(switching())
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        client.read_head()
        stage.latch("orders")
        client.send(b"still here")
        assert client.read_exactly(10) == b"still here"


def test_either_end_that_leaves_ends_the_tunnel(stage: Stage, tunnel: RawClient) -> None:
    """And the connection is never used for another request."""
    tunnel.close()
    assert ended(stage.new.upstream.connections[-1])
    stage.new.plays(steps(Send(SWITCH), Pause(0.05), Reset()))
    with stage.client() as client:
        client.send(get(b"/orders/ws", *HANDSHAKE))
        client.read_head()
        assert client.closed_by_peer()


# With a library on both ends: compression, fragments, pings, close codes.


def echo(websocket: ServerConnection) -> None:
    """Send back what comes; close as told."""
    for message in websocket:
        if message == "close":
            websocket.close(4321, "as told")
            return
        websocket.send(["in ", "two ", "parts"] if message == "parts" else message)


@pytest.fixture(scope="module")
def websocket_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerUnderTest]:
    """A worker before two WebSocket servers."""
    with ExitStack() as stack:
        servers: list[Server] = [stack.enter_context(serve(echo, LOOPBACK, 0)) for _ in range(2)]
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        ports = [server.socket.getsockname()[1] for server in servers]
        folder = tmp_path_factory.mktemp("websockets")
        yield stack.enter_context(running_worker(folder, *ports))


@pytest.fixture
def websocket(websocket_worker: WorkerUnderTest) -> Iterator[ClientConnection]:
    """A WebSocket through the worker, on the new side."""
    websocket_worker.dial("orders", 100)
    with connect(f"ws://{LOOPBACK}:{websocket_worker.port}/orders/ws") as connection:
        yield connection


def test_messages_come_back_compressed_and_in_fragments(websocket: ClientConnection) -> None:
    """Text, bytes, a large one, an empty one, several frames."""
    assert "permessage-deflate" in (
        websocket.response.headers["Sec-WebSocket-Extensions"] if websocket.response else ""
    )
    for message in ("hello", b"\x00\xff" * 1000, "ä" * 300_000, ""):
        websocket.send(message)
        assert websocket.recv(timeout=5) == message
    websocket.send("parts")
    assert "".join(str(part) for part in websocket.recv_streaming()) == "in two parts"
    websocket.send(iter(["par", "ts"]))
    assert websocket.recv(timeout=5) == "in two parts"


def test_pings_and_close_codes_pass(websocket: ClientConnection) -> None:
    """The other end answers, not the gateway."""
    assert websocket.ping(base64.b64encode(b"data")).wait(5)
    websocket.send("close")
    with pytest.raises(ConnectionClosed) as closed:
        websocket.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as told")


def test_after_a_rollback_a_client_comes_back_on_legacy(
    websocket_worker: WorkerUnderTest, websocket: ClientConnection
) -> None:
    """A library sees the code and connects again."""
    websocket_worker.latch("orders")
    try:
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        with connect(f"ws://{LOOPBACK}:{websocket_worker.port}/orders/ws") as again:
            again.send("back")
            assert again.recv(timeout=5) == "back"
    finally:
        websocket_worker.latch("orders", on=False)
