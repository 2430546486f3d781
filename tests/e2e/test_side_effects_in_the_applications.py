"""The two helpers inside the two reference applications: each message of a user is kept exactly once, by the
side that answered; a copy's never.

The applications' own way of honouring ``Banyan-Shadow`` is switched off (they do not see the header); what
keeps copies apart is ``shadow.wsgi`` and ``shadow.asgi`` over the applications' session stores, whose real
part is the ledger of side effects. Faults before and after the effect, and connections that end instead of an
answer. The suite makes about 1,000 requests; ``BANYAN_FULL=1`` makes 10,000.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from cachelib.simple import SimpleCache
from flask_session.cachelib import CacheLibSessionInterface

import legacy_app.app
import legacy_app.settings
import new_app.app
import new_app.settings
from new_app.sessions.store import SessionData, decode, encode
from shadow import asgi, wsgi
from shadow.scratch import Scratch, in_shadow
from tests.e2e.between import between_ports, unbalanced
from tests.e2e.test_side_effects import asgi_server, wsgi_server
from tests.support.ports import wait_until
from tests.support.spawn import ROOT

USERS = 250 if os.environ.get("BANYAN_FULL") else 25
STEPS = 37
FAULTS = ("", "", "", "", "", "", "", "", "before", "after", "hang up")
RULES = ROOT / "legacy_app" / "goldens" / "shadow-rules.toml"
SCENE = {"partner_type": "colleague", "situation": "lunch", "topic": "hobby"}


class Ledger(dict[str, Any]):
    """A real session store: everything that has an effect ends here. ``by_copies`` must stay 0."""

    def __init__(self) -> None:
        super().__init__()
        self.by_users = self.by_copies = 0

    def __setitem__(self, key: str, value: Any) -> None:
        if in_shadow():
            self.by_copies += 1
        else:
            self.by_users += 1
        super().__setitem__(key, value)

    def holding(self, text: str) -> int:
        """How many sessions hold this text."""
        return sum(
            text.encode() in (value[1] if isinstance(value, tuple) else value) for value in self.values()
        )


class Application:
    """``ledger``: its sessions. ``copies``: requests of copies that it worked on."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.sessions: Scratch[Any] = Scratch(self.ledger)
        self.copies = 0


def legacy(folder: Path, told: Application) -> Any:
    """The Flask application, its sessions in a mapping, in front of it two lines and the faults."""
    settings = legacy_app.settings.read_settings({"SESSION_DIR": str(folder), "SECRET_KEY": "k" * 32})
    app = legacy_app.app.create_app(settings)
    cache = SimpleCache(threshold=1_000_000, default_timeout=0)
    cache._cache = told.sessions  # type: ignore[assignment]  # any mapping will do
    app.session_interface = CacheLibSessionInterface(app, client=cache, key_prefix="real:", use_signer=True)

    def faulty(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        told.copies += in_shadow()
        environ = {name: value for name, value in environ.items() if name != "HTTP_BANYAN_SHADOW"}
        fault = environ.get("HTTP_X_FAULT", "")
        if fault != "before":
            said: list[Any] = []
            answer = app.wsgi_app(environ, lambda *head: said.append(head))  # type: ignore[arg-type]
            body = b"".join(answer)
            answer.close()  # type: ignore[attr-defined]  # a response of Flask has it
            if fault == "hang up":
                raise ConnectionResetError("as asked")
            if not fault:
                start_response(*said[0][:2])
                return [body]
        start_response("500 X", [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return wsgi.ShadowMode(faulty, told.sessions)


class MappingStore:
    """The new application's seam for sessions, over a mapping."""

    def __init__(self, sessions: MutableMapping[str, bytes]) -> None:
        self._sessions = sessions

    async def load(self, session_id: str) -> SessionData | None:
        raw = self._sessions.get(session_id)
        return None if raw is None else decode(raw)

    async def save(self, session_id: str, data: SessionData) -> None:
        self._sessions[session_id] = encode(data)

    async def delete(self, session_id: str) -> None:
        self._sessions.pop(session_id, None)

    async def check(self) -> None:
        """It always works."""

    async def count(self) -> int:
        return len(self._sessions)


def new(folder: Path, told: Application, patch: pytest.MonkeyPatch) -> Any:
    """The FastAPI application likewise."""

    async def nothing() -> None:
        """A mapping needs no closing."""

    store = MappingStore(told.sessions)
    patch.setattr(new_app.app, "_stores", lambda _: (store, store, nothing))
    app = new_app.app.create_app(new_app.settings.read_settings({"NEW_APP_SESSION_DIR": str(folder)}))

    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        told.copies += in_shadow()
        headers = [pair for pair in scope["headers"] if pair[0] != b"banyan-shadow"]
        fault = dict(headers).get(b"x-fault", b"")
        if fault != b"before":
            said: list[Any] = []

            async def keep(message: Any) -> None:
                said.append(message)

            await app({**scope, "headers": headers}, receive, keep)
            if fault == b"hang up":
                raise ConnectionResetError("as asked")
            if not fault:
                for message in said:
                    await send(message)
                return
        await send(
            {
                "type": "http.response.start",
                "status": 500,
                "headers": [(b"content-type", b"application/json")],
            }
        )
        await send({"type": "http.response.body", "body": b"{}"})

    return asgi.ShadowMode(faulty, told.sessions)


class User:
    """``kept``: the messages that must stand in the history, in their order."""

    def __init__(self, client: httpx.AsyncClient, number: int) -> None:
        self._http = client
        self._number = number
        self._chance = random.Random(number)
        self.kept: list[str] = []
        self.refused: list[str] = []
        self.history: list[str] = []
        self.requests = 0

    async def ask(self, method: str, path: str, fault: str = "", **body: Any) -> httpx.Response:
        headers = {"X-User": f"user-{self._number}"} | ({"X-Fault": fault} if fault else {})
        self.requests += 1
        answer = await self._http.request(method, path, json=body or None, headers=headers)
        # an ASGI server says 500 in its own words where a WSGI server hangs up
        assert answer.status_code in ((500, 502) if fault else (200,)), answer.text
        return answer

    async def live(self) -> None:
        """A session from its first request to its history."""
        answer = await self.ask("GET", "/api/csrf-token")
        self._http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        await self.ask("POST", "/api/start_chat", **SCENE)
        for step in range(STEPS):
            if self._chance.random() < 0.3:
                await self.ask("GET", self._chance.choice(["/api/session/info", "/api/models"]))
                continue
            message, fault = f"u{self._number}s{step}e", self._chance.choice(FAULTS)
            (self.refused if fault == "before" else self.kept).append(message)
            await self.ask("POST", "/api/chat", fault, message=message)
        told = (await self.ask("POST", "/api/conversation_history", type="chat")).json()
        self.history = [entry["human"] for entry in told["history"] if entry.get("human")]


async def crowd(url: str) -> list[User]:
    """All users, sixteen at once."""
    gate, users = asyncio.Semaphore(16), []

    async def one(number: int) -> None:
        async with gate, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            user = User(client, number)
            users.append(user)
            await user.live()

    await asyncio.gather(*(one(number) for number in range(USERS)))
    return users


def test_each_message_once_and_no_copy_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the users on either side, every write copied to the other one."""
    sides = Application(), Application()
    servers = (
        wsgi_server(legacy(tmp_path / "legacy", sides[0])),
        asgi_server(new(tmp_path / "new", sides[1], monkeypatch)),
    )
    with servers[0] as one, servers[1] as two:
        settings = f"control_twice = 0\nrules = {json.dumps(str(RULES))}"
        with between_ports(tmp_path, one, two, shadow=settings, percent=50) as gateway:
            users = asyncio.run(crowd(gateway.url))
            books = gateway.settled(120, eligible=sum(user.requests for user in users))
            wait_until(lambda: gateway.banyan("status").code == 0, 10, "the gateway")
            found = gateway.banyan("diffs").data
    assert [user.history for user in users] == [user.kept for user in users]
    for user in users:
        for message in user.kept:
            assert sum(side.ledger.holding(message) for side in sides) == 1, message
        for message in user.refused:
            assert sum(side.ledger.holding(message) for side in sides) == 0, message
    assert [side.ledger.by_copies for side in sides] == [0, 0]
    assert all(side.ledger.by_users > 50 for side in sides), "both sides served users"
    assert all(side.copies > 50 for side in sides), "both sides were shadows"
    assert unbalanced(books) == 0
    assert books["match"] + books["accepted"] > sum(user.requests for user in users) / 2, books
    assert found == []
