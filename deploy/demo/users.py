"""Generated users: real multi-turn conversations with sessions and CSRF tokens in the three modes, and
many short visits.

A user keeps the gateway's key for good, as a browser would. Its conversations begin afresh: a session
does not follow its user to the other side yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

KEY_COOKIE = "banyan_key"
AT_ONCE = 8


class UserSaw(Exception):
    """A user met something that no user should meet."""


@dataclass
class User:
    """``sides``: every side that ever answered, in the order of the steps."""

    number: int
    cookies: dict[str, str] = field(default_factory=dict)
    sides: list[str] = field(default_factory=list)

    @property
    def side(self) -> str:
        """Which side answered last."""
        return self.sides[-1]


class Crowd:
    """``users`` in front of ``url``. ``requests`` and ``failures`` are counted over the whole demo."""

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self.users = [User(number) for number in range(size)]
        self.requests = 0
        self.failures = 0

    async def visit(self) -> None:
        """Every user looks at one page twice; both answers must come from one side."""
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=30) as client:
            await self._side_by_side([partial(self._visit, client, user) for user in self.users])

    async def converse(self, users: Sequence[User], turns: int = 3) -> None:
        """Each of these users begins a session and holds a conversation, one mode each in turn."""
        modes = (self._chat, self._scenario, self._watch)
        await self._side_by_side(
            [partial(self._converse, user, modes[user.number % 3], turns) for user in users]
        )

    def begin_again(self) -> int:
        """Everybody was taken back in the middle of a conversation, which the other side does not know: those
        users begin another. Returns how many requests told them so; they are no failures any more."""
        told, self.failures = self.failures, 0
        return told

    async def _side_by_side(self, work: list[Callable[[], Awaitable[None]]]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(job: Callable[[], Awaitable[None]]) -> None:
            async with gate:
                await job()

        await asyncio.gather(*(one(job) for job in work))

    async def _visit(self, client: httpx.AsyncClient, user: User) -> None:
        seen = set()
        for _ in range(2):
            cookie = {"Cookie": f"{KEY_COOKIE}={user.cookies[KEY_COOKIE]}"} if user.cookies else {}
            answer = await client.get("/api/models", headers=cookie)
            client.cookies.clear()  # two users never share a jar
            self._note(answer)
            seen.add(answer.headers["Banyan-Side"])
            if KEY_COOKIE in answer.cookies:
                user.cookies[KEY_COOKIE] = answer.cookies[KEY_COOKIE]
        if len(seen) != 1:
            raise UserSaw(f"user {user.number} was answered by both sides within one step")
        user.sides.append(seen.pop())

    async def _converse(self, user: User, mode: Any, turns: int) -> None:
        async with httpx.AsyncClient(
            base_url=self._url, cookies=dict(user.cookies), trust_env=False, timeout=30
        ) as client:
            token = (await self._ask(client, "GET", "/api/csrf-token"))["csrf_token"]
            client.headers["X-CSRF-Token"] = token
            await mode(client, user, turns)
            if KEY_COOKIE in client.cookies:
                user.cookies[KEY_COOKIE] = client.cookies[KEY_COOKIE]

    async def _chat(self, client: httpx.AsyncClient, user: User, turns: int) -> None:
        scene = {"partner_type": "colleague", "situation": "lunch", "topic": "hobby"}
        await self._ask(client, "POST", "/api/start_chat", scene)
        for turn in range(turns):
            await self._ask(
                client, "POST", "/api/chat", {"message": f"週末は山に行きました {user.number}-{turn}"}
            )
        history = await self._ask(client, "POST", "/api/conversation_history", {"type": "chat"})
        self._expect(len(history["history"]) >= turns, "the conversation is not whole")

    async def _scenario(self, client: httpx.AsyncClient, user: User, turns: int) -> None:
        scenarios = await self._ask(client, "GET", "/api/categorized_scenarios")
        chosen = scenarios["regular_communication"][user.number % len(scenarios["regular_communication"])][
            "id"
        ]
        await self._ask(client, "POST", "/api/scenario_chat", {"message": "", "scenario_id": chosen})
        for turn in range(turns):
            message = {"message": f"承知しました。{user.number}-{turn}", "scenario_id": chosen}
            await self._ask(client, "POST", "/api/scenario_chat", message)

    async def _watch(self, client: httpx.AsyncClient, user: User, turns: int) -> None:
        model = (await self._ask(client, "GET", "/api/models"))["models"][0]["id"]
        scene = {"partner_type": "senior", "situation": "break", "topic": "food"}
        await self._ask(client, "POST", "/api/watch/start", {"model_a": model, "model_b": model, **scene})
        for _ in range(turns):
            await self._ask(client, "POST", "/api/watch/next", {})

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
        answer = await client.request(method, path, json=body)
        self._note(answer)
        return answer.json()

    def _note(self, answer: httpx.Response) -> None:
        self.requests += 1
        if answer.status_code != 200:
            self.failures += 1
            raise UserSaw(
                f"{answer.request.method} {answer.request.url.path} was answered with {answer.status_code}"
            )

    def _expect(self, held: bool, otherwise: str) -> None:
        if not held:
            raise UserSaw(otherwise)
