"""The door of one worker: where clients come in, and how everybody leaves in order. Decides nothing of a
request.

A worker leaves for one of two reasons. When it is *replaced*, others serve already and it may take its time:
an idle connection is not closed under a request that may be on its way, but told to go with its next answer.
When the gateway *stops*, idle connections close at once. Either way what is in flight finishes within the
grace period; at its end streams of events end in good order, and whatever is left is cut off.

While this process can open no file, the door is shut: nobody could be let in, and the event loop would ask
for the next client again and again, with all of the processor's time and without a word. Who knocks
meanwhile waits in the system's line, or is let in by another worker.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import os
import socket
import ssl
from contextlib import suppress
from typing import Any, Final

from gateway.handshake import SecureServer
from gateway.proxy import Proxy
from gateway.wire import WEBSOCKET_RESTART, Downstream

__all__ = ["Door"]

_log = logging.getLogger("banyan.door")
_BACKLOG: Final = 4096
_LOOK_EVERY: Final = 0.1
"""Seconds between two looks whether a file can be opened at all."""
_LAST_WORDS: Final = 1.0
"""Seconds for what was written at the very end to reach its clients."""
_POLL: Final = 0.02


class Door:
    """Opens once, closes once. ``tls``: what connections are wrapped with, None for plain ones.

    ``deadline`` and ``expired`` are for the sweeper.
    """

    def __init__(self, proxy: Proxy, tls: ssl.SSLContext | None, drain_timeout: float) -> None:
        self._proxy = proxy
        self._tls = tls
        self._drain_timeout = drain_timeout
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._server: asyncio.Server | SecureServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self.deadline = math.inf

    async def open(self, listening: socket.socket) -> None:
        """Take clients from now on."""
        self._listening = listening
        await self._listen()
        self.deadline = self._loop.time() + _LOOK_EVERY
        self._proxy.sweeper.members.add(self)

    async def _listen(self) -> None:
        loop, proxy, listening = self._loop, self._proxy, self._listening
        if listening is None:  # it was time to leave meanwhile
            return
        more: dict[str, Any] = {"sock": listening.dup(), "backlog": _BACKLOG}
        if self._tls is not None:
            self._server = SecureServer(
                more["sock"], self._tls, proxy.limits, lambda: len(proxy.clients), lambda: Downstream(proxy)
            )
        elif listening.family == socket.AF_UNIX:
            more["cleanup_socket"] = False  # the file belongs to the supervisor, and to whoever comes next
            self._server = await loop.create_unix_server(lambda: Downstream(proxy), **more)
        else:
            self._server = await loop.create_server(lambda: Downstream(proxy), **more)

    def expired(self) -> None:
        """Look whether a file can be opened: shut the door when none can, open it again when one can."""
        self.deadline = self._proxy.sweeper.now + _LOOK_EVERY
        if self._opening is not None:
            return
        can_open = _can_open_a_file()
        if self._server is not None and not can_open:
            _log.warning("no file can be opened: nobody is let in until one can")
            self._server.close()
            self._server = None
        elif self._server is None and can_open:
            self._opening = self._loop.create_task(self._reopen())

    async def _reopen(self) -> None:
        try:
            with suppress(OSError):  # no file again: the next look tries again
                await self._listen()
        finally:
            self._opening = None

    async def leave(self, stop: asyncio.Event) -> None:
        """Let everybody go. Until ``stop`` is set this worker is only being replaced."""
        proxy = self._proxy
        proxy.sweeper.members.discard(self)
        if self._opening is not None:
            await self._opening
        if self._server is not None:
            self._server.close()
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        proxy.draining = True
        for tunnel in list(proxy.tunnels):
            tunnel.close(WEBSOCKET_RESTART)
        deadline = self._loop.time() + self._drain_timeout
        while (proxy.clients or self._is_awaited(stop)) and self._loop.time() < deadline:
            if stop.is_set() and not proxy.stopping:
                proxy.stopping = True
                for client in list(proxy.clients):
                    client.drain()
            await asyncio.sleep(_POLL)
        await self._last_words()

    def _is_awaited(self, stop: asyncio.Event) -> bool:
        """Whether somebody is at the door and still shakes hands, who would be told nothing if it closed. A
        gateway that stops waits for nobody who has not asked for anything."""
        server = self._server
        return isinstance(server, SecureServer) and server.under_way > 0 and not stop.is_set()

    async def _last_words(self) -> None:
        proxy = self._proxy
        proxy.stopping = True
        for client in list(proxy.clients):
            client.part()
        deadline = self._loop.time() + _LAST_WORDS
        while proxy.clients and self._loop.time() < deadline:  # noqa: ASYNC110 - once in a worker's life
            await asyncio.sleep(_POLL)
        for client in list(proxy.clients):
            client.transport.abort()
        await asyncio.sleep(0)


def _can_open_a_file() -> bool:
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError as error:  # any other reason would say nothing of a connection
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True
