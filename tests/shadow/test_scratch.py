"""The helpers for applications: a copy sees what a user would, and leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest

from shadow import asgi, wsgi
from shadow.scratch import COOKIE, Scratch, enter, in_shadow, leave, only_for_users

COPY = {"Banyan-Shadow": "1"}


@contextmanager
def a_copy(space: str = "s1") -> Iterator[None]:
    token = enter(space)
    try:
        yield
    finally:
        leave(token)


class TestScratch:
    def test_a_user_has_the_real_one(self) -> None:
        real = {"a": [1]}
        scratch = Scratch(real)
        scratch["b"] = [2]
        del scratch["a"]
        assert real == {"b": [2]} == dict(scratch)

    def test_a_copy_leaves_nothing_behind(self) -> None:
        real = {"a": [1], "z": [9]}
        scratch = Scratch(real)
        with a_copy():
            scratch["a"].append(2)
            scratch["b"] = [3]
            del scratch["z"]
            assert dict(scratch) == {"a": [1, 2], "b": [3]}
            assert (len(scratch), "z" in scratch, "b" in scratch) == (2, False, True)
            with pytest.raises(KeyError):
                _ = scratch["z"]
            with pytest.raises(KeyError):
                del scratch["z"]
        assert real == {"a": [1], "z": [9]} == dict(scratch)

    def test_a_session_of_copies_has_turns_of_its_own(self) -> None:
        scratch: Scratch[int] = Scratch({"n": 1})
        with a_copy("one"):
            scratch["n"] += 1
        with a_copy("two"):
            assert scratch["n"] == 1
        with a_copy("one"):
            assert scratch["n"] == 2

    def test_spaces_do_not_live_for_ever(self) -> None:
        now = [0.0]
        scratch: Scratch[int] = Scratch({"n": 1}, clock=lambda: now[0])
        with a_copy("one"):
            scratch["n"] = 5
        now[0] = 4000.0
        with a_copy("two"):
            assert scratch["n"] == 1
        with a_copy("one"):
            assert scratch["n"] == 1

    def test_an_effect_outside_is_for_users(self) -> None:
        sent: list[str] = []
        mail = only_for_users(sent.append)
        mail("a")
        with a_copy():
            assert mail("b") is None
        assert sent == ["a"]


def wsgi_client(app: Any) -> Callable[..., httpx.Response]:
    client = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://shop")
    return client.post


class TestWsgi:
    def make(self, *isolates: Any) -> tuple[dict[str, list[str]], Any]:
        real: dict[str, list[str]] = {"cart": []}
        scratch = Scratch(real)

        def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            scratch["cart"] = [*scratch["cart"], "tea"]
            start_response("200 OK", [("Content-Type", "application/json")])
            yield json.dumps({"cart": scratch["cart"], "copy": in_shadow()}).encode()

        return real, wsgi.ShadowMode(app, scratch, *isolates)

    def test_a_conversation_of_copies(self) -> None:
        real, app = self.make()
        post = wsgi_client(app)
        first = post("/", headers=COPY)
        assert first.headers["Banyan-Shadow"] == "honoured"
        assert first.json() == {"cart": ["tea"], "copy": True}
        cookie = {"Cookie": f"{COOKIE}={first.cookies[COOKIE]}"}
        again = post("/", headers={**COPY, **cookie})
        assert again.json()["cart"] == ["tea", "tea"]
        assert "set-cookie" not in again.headers
        assert real == {"cart": []}
        user = post("/")
        assert user.json() == {"cart": ["tea"], "copy": False}
        assert COPY.keys().isdisjoint(user.headers)
        assert real == {"cart": ["tea"]}

    def test_a_transaction_is_undone_when_the_answer_has_ended(self) -> None:
        steps: list[str] = []

        @contextmanager
        def transaction(environ: dict[str, Any]) -> Iterator[None]:
            steps.append("begin")
            yield
            steps.append("rollback")

        _, app = self.make(transaction)
        wsgi_client(app)("/", headers=COPY)
        assert steps == ["begin", "rollback"]

    def test_without_isolation_nothing_is_promised(self) -> None:
        with pytest.raises(ValueError, match="Scratch"):
            wsgi.ShadowMode(lambda environ, start: [])

    def test_a_failing_application_leaves_its_isolation(self) -> None:
        steps: list[str] = []

        @contextmanager
        def transaction(environ: dict[str, Any]) -> Iterator[None]:
            try:
                yield
            finally:
                steps.append("rollback")

        def broken(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            raise RuntimeError("broken")

        with pytest.raises(RuntimeError):
            wsgi_client(wsgi.ShadowMode(broken, transaction))("/", headers=COPY)
        assert steps == ["rollback"]


class TestAsgi:
    async def test_a_conversation_of_copies(self) -> None:
        real: dict[str, list[str]] = {"cart": []}
        scratch, steps = Scratch(real), list[str]()

        @asynccontextmanager
        async def transaction(scope: Any) -> AsyncIterator[None]:
            steps.append("begin")
            yield
            steps.append("rollback")

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scratch["cart"] = [*scratch["cart"], "tea"]
            body = json.dumps({"cart": scratch["cart"], "copy": in_shadow()}).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        transport = httpx.ASGITransport(asgi.ShadowMode(app, scratch, transaction))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            first = await client.post("/", headers=COPY)
            assert first.headers["Banyan-Shadow"] == "honoured"
            again = await client.post("/", headers=COPY)  # the client keeps the cookie
            assert again.json() == {"cart": ["tea", "tea"], "copy": True}
            assert real == {"cart": []}
            assert steps == ["begin", "rollback"] * 2
            user = await client.post("/")
            assert user.json() == {"cart": ["tea"], "copy": False}
        assert not in_shadow()

    def test_without_isolation_nothing_is_promised(self) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None: ...

        with pytest.raises(ValueError, match="Scratch"):
            asgi.ShadowMode(app)
