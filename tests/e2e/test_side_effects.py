"""Each client's write takes effect exactly once, a copy's never: counted by the applications themselves.

A WSGI and an ASGI application with the helpers of ``shadow``, users on both of them, and faults. The suite
makes 1,500 requests; ``BANYAN_FULL=1`` makes 10,000.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socketserver
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import httpx
import pytest
import uvicorn

from shadow import asgi, wsgi
from shadow.scratch import Scratch, in_shadow, only_for_users
from tests.e2e.between import between_ports, unbalanced
from tests.support.ports import LOOPBACK, free_port, wait_until

REQUESTS = 10_000 if os.environ.get("BANYAN_FULL") else 1_500
CROWDS = 5
FAULTS = ("", "", "", "", "before", "after", "hang up")


class Shop:
    """The application's own work, whoever serves it. ``charged``: the effects outside, by write."""

    def __init__(self) -> None:
        self.real: dict[str, list[str]] = {}
        self.carts: Scratch[list[str]] = Scratch(self.real)
        self.charged: Counter[str] = Counter()
        self.copies = 0
        self._held = threading.Lock()
        self.charge = only_for_users(self._charge)

    def _charge(self, write: str) -> None:
        with self._held:
            self.charged[write] += 1

    def answer(self, method: str, user: str, write: str, fault: str) -> tuple[int, bytes]:
        """One request. ``fault``: fail before the effect, after it, or say nothing at all after it."""
        self.copies += in_shadow()
        if fault == "before":
            return 500, b"{}"
        if method != "GET":
            with self._held:
                self.carts[user] = [*self.carts.get(user, []), write]
            self.charge(write)
        if fault == "hang up":
            raise ConnectionResetError("as asked")
        return (500 if fault == "after" else 200), json.dumps({"cart": self.carts.get(user, [])}).encode()


def as_wsgi(shop: Shop) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        said = [environ.get(f"HTTP_X_{name}", "") for name in ("USER", "WRITE", "FAULT")]
        status, body = shop.answer(environ["REQUEST_METHOD"], *said)
        length = ("Content-Length", str(len(body)))
        start_response(f"{status} X", [("Content-Type", "application/json"), length])
        return [body]

    return wsgi.ShadowMode(app, shop.carts)


def as_asgi(shop: Shop) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        said = [headers.get(f"x-{name}", "") for name in ("user", "write", "fault")]
        status, body = shop.answer(scope["method"], *said)
        kind = (b"content-type", b"application/json")
        await send({"type": "http.response.start", "status": status, "headers": [kind]})
        await send({"type": "http.response.body", "body": body})

    return asgi.ShadowMode(app, shop.carts)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        """Nobody reads it."""


class _Threads(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A fault that was asked for."""


@contextmanager
def wsgi_server(app: Any) -> Iterator[int]:
    server = _Threads((LOOPBACK, 0), _Quiet)
    server.set_app(app)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@contextmanager
def asgi_server(app: Any) -> Iterator[int]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, 60)
    yield port
    server.should_exit = True
    thread.join(60)


async def drive(url: str, count: int, crowd: int) -> dict[str, str]:
    """Mixed requests of 50 users of this crowd, one after the other for each user: write → the fault it asked
    for."""
    chance = random.Random(7)
    asked: dict[str, str] = {}
    users = [f"user-{crowd}-{number}" for number in range(50)]

    async def one_user(client: httpx.AsyncClient, user: str, requests: int) -> None:
        for number in range(requests):
            method = chance.choice(["GET", "GET", "POST", "PUT", "DELETE"])
            write, fault = f"{user}.{number}", chance.choice(FAULTS)
            headers = {"X-User": user, "X-Write": write, "X-Fault": fault}
            if method != "GET":
                asked[write] = fault
            answer = await client.request(method, "/cart", headers=headers)
            assert answer.status_code in (200, 500, 502), answer.text

    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, limits=limits) as client:
        await asyncio.gather(*(one_user(client, user, count // len(users)) for user in users))
    return asked


@pytest.mark.parametrize("first", ["wsgi", "asgi"])
def test_every_write_once_and_no_copy_ever(tmp_path: Path, first: str) -> None:
    """Half of the users on either side, every write copied to the other one."""
    shops = Shop(), Shop()
    servers = (wsgi_server(as_wsgi(shops[0])), asgi_server(as_asgi(shops[1])))
    with servers[0] as one, servers[1] as two:
        legacy, new = (one, two) if first == "wsgi" else (two, one)
        with between_ports(tmp_path, legacy, new, shadow="control_twice = 0", percent=50) as gateway:
            asked: dict[str, str] = {}
            requests = REQUESTS // 50 * 50
            before, books = Counter[str](), Counter[str]()
            for crowd in range(1, CROWDS + 1):
                asked |= asyncio.run(drive(gateway.url, REQUESTS, crowd))
                before, books = books, gateway.settled(240, eligible=crowd * requests)
                # A busy machine takes the copies of fewer sessions: then others come.
                if (books - before)["match"] > requests / 4:
                    break
            found: list[dict[str, Any]] = []

            def all_found() -> bool:
                """What has differed is written down now and then, once for each place at least."""
                found[:] = gateway.banyan("diffs").data
                return sum(int(one["count"]) for one in found) >= books["mismatch"]

            wait_until(all_found, 60, "the findings")
    assert (books - before)["match"] > requests / 4, books
    charged = shops[0].charged + shops[1].charged
    took = {write for write, fault in asked.items() if fault != "before"}
    assert charged == Counter(took), (charged - Counter(took), Counter(took) - charged)
    carts = Counter(write for shop in shops for cart in shop.real.values() for write in cart)
    assert carts == Counter(took)
    assert all(shop.charged for shop in shops), "both sides served users"
    assert all(shop.copies > 100 for shop in shops), "both sides were shadows"
    assert unbalanced(books) == 0
    # The servers' own error pages differ; what the applications themselves answer does not, ever.
    assert {one["status_pair"] for one in found} <= {"500/500"}, found
