"""``Banyan-Shadow`` for an ASGI application, in two lines; see ``scratch``. Standard library only.

A copy is answered in full and leaves nothing behind: what keeps it from having effects is named by the
application's owner, and only then does the answer say ``Banyan-Shadow: honoured``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeAlias

from shadow.scratch import ASKED, HEADER, HONOURED, Scratch, enter, leave, set_cookie, space_of

Scope: TypeAlias = Any
Message: TypeAlias = Any
Receive: TypeAlias = "Callable[[], Awaitable[Message]]"
Send: TypeAlias = "Callable[[Message], Awaitable[None]]"
Isolate: TypeAlias = "Callable[[Scope], AbstractAsyncContextManager[Any]]"
Application: TypeAlias = "Callable[[Scope, Receive, Send], Awaitable[None]]"


class ShadowMode:
    """``isolated_by``: every ``Scratch`` in use, and functions from the scope to an asynchronous context
    manager (a transaction that is rolled back) inside which a copy is answered. At least one.
    """

    def __init__(self, app: Application, *isolated_by: Scratch[Any] | Isolate) -> None:
        if not isolated_by:
            raise ValueError("name what keeps a copy from having an effect: a Scratch, or a function")
        self._app = app
        self._isolates = [each for each in isolated_by if not isinstance(each, Scratch)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a user as ever, and a copy apart."""
        headers = dict(scope.get("headers", ())) if scope["type"] == "http" else {}
        if headers.get(HEADER.lower().encode()) != ASKED.encode():
            await self._app(scope, receive, send)
            return
        space, is_new = space_of(headers.get(b"cookie", b"").decode("latin-1"))
        extra = [(HEADER.lower().encode(), HONOURED.encode())]
        if is_new:
            extra.append((b"set-cookie", set_cookie(space).encode()))

        async def send_honoured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        token = enter(space)  # a task that this one starts inherits it
        try:
            async with AsyncExitStack() as isolation:
                for isolate in self._isolates:
                    await isolation.enter_async_context(isolate(scope))
                await self._app(scope, receive, send_honoured)
        finally:
            leave(token)
