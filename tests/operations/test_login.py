"""An application that gives its users another session cookie when they log in: they stay on their side."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK
from tests.support.spawn import Spawner

USERS = 40
FEATURE = """
[[feature]]
name = "shop"
match = ["/*"]
percent = 50
shadow = { percent = 0 }
"""


class Application(BaseHTTPRequestHandler):
    """Begins a session for whoever has none, another one at `/login`, and ends it at `/logout`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/login" or "session=" not in self.headers.get("Cookie", ""):
            self.send_header("Set-Cookie", f"session={secrets.token_hex(8)}; Path=/; Max-Age=600; HttpOnly")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
        """Say nothing."""


@pytest.fixture
def gateway(spawn: Spawner, tmp_path: Path) -> Iterator[Gateway]:
    with ExitStack() as stack:
        sides = []
        for _ in range(2):
            server = stack.enter_context(ThreadingHTTPServer((LOOPBACK, 0), Application))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            sides.append(f"http://{LOOPBACK}:{server.server_address[1]}")
        listen = "workers = 2\nexpose_decision = true"
        yield Gateway(spawn, write_config(tmp_path, *sides, listen=listen, more=FEATURE))


def side(client: httpx.Client, path: str = "/") -> str:
    """Who answered, on a new connection each time, so on any worker."""
    return client.get(path, headers={"Connection": "close"}).headers["Banyan-Side"]


def test_nobody_changes_sides_by_logging_in(gateway: Gateway) -> None:
    """Those who came with a session of the application's, from before the gateway, above all."""
    sides = set()
    for _ in range(USERS):
        with httpx.Client(base_url=gateway.ready["traffic"], trust_env=False, timeout=60) as client:
            client.cookies.set("session", secrets.token_hex(8), LOOPBACK, "/")
            before = side(client)
            old = client.cookies["session"]
            assert "banyan_key" not in client.cookies
            assert side(client, "/login") == before
            assert client.cookies["session"] != old
            assert old not in client.cookies["banyan_key"]
            assert {side(client) for _ in range(4)} == {before}
            assert side(client, "/login") == before  # and once more
            assert {side(client) for _ in range(4)} == {before}
            client.cookies.delete("banyan_key")
            client.cookies.set("session", old, LOOPBACK, "/")
            assert side(client) == before  # the value alone says the same
            sides.add(before)
    assert sides == {"legacy", "new"}


def test_a_visitor_who_began_without_a_session_keeps_the_side_too(gateway: Gateway) -> None:
    for _ in range(10):
        with httpx.Client(base_url=gateway.ready["traffic"], trust_env=False, timeout=60) as client:
            before = side(client)
            minted = client.cookies["banyan_key"]
            assert {side(client, "/login"), *(side(client) for _ in range(3))} == {before}
            assert client.cookies["banyan_key"] == minted
