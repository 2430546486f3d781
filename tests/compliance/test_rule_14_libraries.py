"""Rule 14, with libraries that others wrote on both ends: compression, fragments, pings, close codes."""

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import aiohttp
import pytest
from aiohttp import web
from playwright.sync_api import Browser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from tests.support.ports import LOOPBACK, wait_until
from tests.support.worker import WorkerUnderTest, running_worker

# websockets


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
        assert websocket.recv(timeout=30) == message
    websocket.send("parts")
    assert "".join(str(part) for part in websocket.recv_streaming()) == "in two parts"
    websocket.send(iter(["par", "ts"]))
    assert websocket.recv(timeout=30) == "in two parts"


def test_pings_and_close_codes_pass(websocket: ClientConnection) -> None:
    """The other end answers, not the gateway."""
    assert websocket.ping(base64.b64encode(b"data")).wait(30)
    websocket.send("close")
    with pytest.raises(ConnectionClosed) as closed:
        websocket.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as told")


def test_after_a_rollback_a_client_comes_back_on_legacy(
    websocket_worker: WorkerUnderTest, websocket: ClientConnection
) -> None:
    """A library sees the code and connects again."""
    websocket_worker.latch("orders")
    try:
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        with connect(f"ws://{LOOPBACK}:{websocket_worker.port}/orders/ws") as again:
            again.send("back")
            assert again.recv(timeout=30) == "back"
    finally:
        websocket_worker.latch("orders", on=False)


# aiohttp


@contextmanager
def aiohttp_server(closed: list[int | None]) -> Iterator[int]:
    """Sends back what comes, closes as told, notes the codes it is closed with; its port."""

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=True)
        await socket.prepare(request)
        async for message in socket:
            if message.data == "close":
                await socket.close(code=4321, message=b"as told")
            elif message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        closed.append(socket.close_code)
        return socket

    async def start() -> int:
        application = web.Application()
        application.router.add_get("/{rest:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, 0)
        await site.start()
        return int(runner.addresses[0][1])

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)


@pytest.fixture(scope="module")
def aiohttp_worker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[WorkerUnderTest, list[int | None]]]:
    """A worker before a server of aiohttp, and the codes that this was closed with."""
    closed: list[int | None] = []
    folder = tmp_path_factory.mktemp("aiohttp")
    with aiohttp_server(closed) as port, running_worker(folder, port, port) as worker:
        yield worker, closed


def with_aiohttp(port: int, talk: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]) -> None:
    """One conversation through the gateway, within ten seconds."""

    async def converse() -> None:
        async with (
            asyncio.timeout(60),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://{LOOPBACK}:{port}/orders/ws", compress=15) as socket,
        ):
            await talk(socket)

    asyncio.run(converse())


def test_aiohttp_talks_to_aiohttp(aiohttp_worker: tuple[WorkerUnderTest, list[int | None]]) -> None:
    """Compressed text and bytes, an empty one and a large one; its close code and reason arrive."""

    async def talk(socket: aiohttp.ClientWebSocketResponse) -> None:
        assert socket.compress
        for text in ("hello", "", "ä" * 300_000):
            await socket.send_str(text)
            assert await socket.receive_str() == text
        await socket.send_bytes(b"\x00\xff" * 1000)
        assert await socket.receive_bytes() == b"\x00\xff" * 1000
        await socket.ping(b"there?")
        await socket.send_str("close")
        message = await socket.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4321, "as told")

    with_aiohttp(aiohttp_worker[0].port, talk)


def test_websockets_talks_to_aiohttp(aiohttp_worker: tuple[WorkerUnderTest, list[int | None]]) -> None:
    """Another library on either end; fragments arrive as one message, pings answered, the code arrives."""
    worker, closed = aiohttp_worker
    with connect(f"ws://{LOOPBACK}:{worker.port}/orders/ws") as socket:
        socket.send(iter(["frag", "ment", "s"]))
        assert socket.recv(timeout=30) == "fragments"
        assert socket.ping(b"there?").wait(30)
        socket.close(4000, "enough")
    wait_until(lambda: 4000 in closed, what="the close code at the server")


# Chromium

CONVERSATION = """
async ([url, last]) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const came = [];
  let wake = () => {};
  const next = () => new Promise((resolve) => { wake = resolve; });
  const closed = new Promise((resolve) => {
    socket.onclose = (e) => resolve([e.code, e.reason, e.wasClean]);
  });
  socket.onmessage = (e) => { came.push(e.data); wake(); };
  await new Promise((resolve) => { socket.onopen = resolve; });
  for (const text of ["hello", "", "ä".repeat(100000)]) {
    const heard = next(); socket.send(text); await heard;
    if (came.pop() !== text) return JSON.stringify(["text", text.length]);
  }
  const bytes = new Uint8Array(70000).map((_, at) => at % 256);
  const heard = next(); socket.send(bytes); await heard;
  const back = new Uint8Array(came.pop());
  if (back.length !== bytes.length || back.some((byte, at) => byte !== bytes[at])) return "bytes";
  if (last === "wait") { window.ready = true; } else if (last) { socket.send(last); }
  else { socket.close(4001, "enough"); }
  return JSON.stringify(await closed);
}
"""


@pytest.mark.parametrize(
    ("last", "closed"), [("close", [4321, "as told", True]), ("", [4001, "enough", True])]
)
def test_a_browser_talks(
    browser: Browser, websocket_worker: WorkerUnderTest, last: str, closed: list[object]
) -> None:
    """Chromium: text, bytes, and the close code of either end."""
    websocket_worker.dial("orders", 100)
    page = browser.new_page()
    try:
        url = f"ws://{LOOPBACK}:{websocket_worker.port}/orders/ws"
        assert json.loads(page.evaluate(CONVERSATION, [url, last])) == closed
    finally:
        page.close()


def test_a_browser_is_told_of_a_rollback(browser: Browser, websocket_worker: WorkerUnderTest) -> None:
    """It sees 1012 and a clean end."""
    websocket_worker.dial("orders", 100)
    page = browser.new_page()
    try:
        url = f"ws://{LOOPBACK}:{websocket_worker.port}/orders/ws"
        page.evaluate(f"window.over = ({CONVERSATION})({json.dumps([url, 'wait'])}); null")
        page.wait_for_function("window.ready", timeout=60_000)
        websocket_worker.latch("orders")
        assert json.loads(page.evaluate("window.over")) == [1012, "", True]
    finally:
        websocket_worker.latch("orders", on=False)
        page.close()
