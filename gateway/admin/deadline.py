"""An answer has a limit, whatever hangs; knows no route.

A disk that hangs may keep a thread for ever, and with it the question that waits for it. What was asked is
not undone by that: it goes on, and its asker is told so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.admin.problems import problem

__all__ = ["LIMIT", "Deadline"]

LIMIT: Final = 30.0
"""Seconds until an answer begins: more than any change takes while everything it needs answers or is dead."""
_LOG = logging.getLogger("banyan.control")


class Deadline:
    """ASGI middleware: 503 where no answer has begun within `limit` seconds."""

    def __init__(self, app: ASGIApp, limit: float = LIMIT) -> None:
        self._app = app
        self._limit = limit
        self._left_behind: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and wait no longer than that."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, over = asyncio.Event(), False

        async def unless_over(message: Message) -> None:
            if not over:
                begun.set()
                await send(message)

        asked = asyncio.create_task(self._ask(scope, receive, unless_over))
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait({asked, waiting}, timeout=self._limit, return_when=asyncio.FIRST_COMPLETED)
            if begun.is_set() or asked.done():
                await asked
                return
            over = True
            self._leave_behind(asked, scope)
            text = f"No answer within {self._limit:g} s. What was asked may be done all the same; look again."
            await problem(503, text)(scope, receive, send)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        finally:
            waiting.cancel()

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _leave_behind(self, asked: asyncio.Task[None], scope: Scope) -> None:
        """It may still end, and nobody waits for it any more."""
        self._left_behind.add(asked)
        _LOG.error("%s %s has had no answer within %g s", scope["method"], scope["path"], self._limit)

        def ended(task: asyncio.Task[None]) -> None:
            self._left_behind.discard(task)
            if not task.cancelled() and (error := task.exception()):
                _LOG.error("%s %s failed in the end", scope["method"], scope["path"], exc_info=error)

        asked.add_done_callback(ended)
