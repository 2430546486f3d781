"""Shadow mode: a request marked `Banyan-Shadow: 1` is answered in full but leaves no trace.

Pure ASGI and the only place that knows the header. It marks the request and says so in the answer; the
session layer reads the mark and works in the scratch space, and the metrics leave it out, for no user
was served.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "Banyan-Shadow"
_MARK = "shadow_mode"


def is_shadow(scope: Scope) -> bool:
    return scope.get(_MARK) is True


class ShadowMode:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or Headers(scope=scope).get(HEADER) != "1":
            await self._app(scope, receive, send)
            return
        scope[_MARK] = True

        async def send_honoured(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = "honoured"
            await send(message)

        await self._app(scope, receive, send_honoured)
