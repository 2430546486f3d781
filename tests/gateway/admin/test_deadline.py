"""The admin port answers in time, whatever hangs behind it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.admin.deadline import LIMIT, Deadline
from tests.e2e.machines import Machine, two_sides
from tests.support.spawn import Spawner


async def test_who_gets_no_answer_in_time_is_told_so_and_what_was_asked_goes_on() -> None:
    """One that has begun may take as long as it takes; one that fails, fails as ever."""
    released, done = asyncio.Event(), asyncio.Event()

    async def hangs(_: Request) -> Response:
        await released.wait()
        done.set()
        return PlainTextResponse("late")

    async def at_once(_: Request) -> Response:
        return PlainTextResponse("here")

    async def slowly(_: Request) -> Response:
        async def pieces() -> AsyncIterator[str]:
            yield "one "
            await asyncio.sleep(0.3)
            yield "two"

        return StreamingResponse(pieces())

    routes = [Route("/hangs", hangs), Route("/at-once", at_once), Route("/slowly", slowly)]
    app = Starlette(routes=routes)
    hurried = httpx.ASGITransport(Deadline(app, limit=0.1))
    patient = httpx.ASGITransport(Deadline(app, limit=60))
    async with (
        httpx.AsyncClient(transport=hurried, base_url="http://here") as client,
        httpx.AsyncClient(transport=patient, base_url="http://here") as other,
    ):
        late = await client.get("/hangs")
        assert (late.status_code, late.headers["content-type"]) == (503, "application/problem+json")
        assert "may be done all the same" in late.json()["detail"]
        assert (await other.get("/at-once")).text == "here"
        assert (await other.get("/nowhere")).status_code == 404
        slow = [await client.get("/slowly") for _ in range(5)]
        assert "one two" in [one.text for one in slow]  # one of them begins in time, wherever we stood still
        assert not done.is_set()
        released.set()
        await asyncio.wait_for(done.wait(), 60)


def test_a_state_folder_that_hangs_keeps_no_asker_for_ever(spawn: Spawner, tmp_path: Path) -> None:
    """A gateway whose list of tokens never comes to an end: 503, and what needs no token is answered."""
    with two_sides() as sides:
        machine = Machine(spawn, tmp_path, sides)
        os.mkfifo(machine.state / "tokens.json")
        began = time.monotonic()
        answer = machine.ask("GET", "/status", timeout=LIMIT + 120)
        assert answer["status"] == 503
        assert "No answer within 30 s" in answer["detail"]
        assert LIMIT - 1 < time.monotonic() - began < 3 * LIMIT
        assert "banyan_dial_percent" in machine.metrics()
        writer = os.open(machine.state / "tokens.json", os.O_WRONLY | os.O_NONBLOCK)  # the threads may end
        os.close(writer)
        machine.process.stop(60)
