"""Who has come to the door and has not shaken hands yet: counted as whoever is inside is, or a crowd that
never says a word would take every file of the process. Knows no request.

The event loop's own server counts nobody before the end of a handshake, so connections are accepted here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

__all__ = ["SecureServer"]

_TOLD: Final = 100
"""Connections beyond the limit that may shake hands, to be told that there is no room."""
_UNDER_WAY: Final = 500
"""Handshakes under way at most: each costs more memory than an idle client, for a few bytes of its own.
Beyond, the oldest is given up: an honest one takes a fraction of a second."""
_AT_ONCE: Final = 64
"""Connections accepted in one turn of the event loop."""
_GOODBYE: Final = 3600.0
"""Seconds for a farewell: whoever is inside has a deadline of its own, which knows what it still reads."""


class Limits(Protocol):
    """What is allowed at the door: seconds for a handshake, and connections."""

    @property
    def head_timeout(self) -> float: ...
    @property
    def connections(self) -> int: ...


class SecureServer:
    """Listens on ``listening``, which it closes at its end. ``inside`` says how many clients there are;
    ``client`` makes the protocol of one more."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        limits: Limits,
        inside: Callable[[], int],
        client: Callable[[], asyncio.Protocol],
    ) -> None:
        self._listening = listening
        self._context = context
        self._limits = limits
        self._inside = inside
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[asyncio.Task[None], None] = {}  # the oldest first
        listening.setblocking(False)
        self._loop.add_reader(listening, self._accept)

    @property
    def under_way(self) -> int:
        """How many are shaking hands."""
        return len(self._under_way)

    def close(self) -> None:
        """Take nobody any more; who is shaking hands may end that."""
        self._loop.remove_reader(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _address = self._listening.accept()
            except OSError:  # nobody more; or no file left, and then the door is shut soon
                return
            if self._inside() + len(self._under_way) >= self._limits.connections + _TOLD:
                connection.close()
                continue
            if len(self._under_way) >= _UNDER_WAY:
                oldest = next(iter(self._under_way))
                self._ended(oldest)
                oldest.cancel()
            task = self._loop.create_task(self._shake_hands(connection))
            self._under_way[task] = None
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)

    async def _shake_hands(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            with suppress(OSError):  # it has gone already
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Whoever speaks something else, or nothing, or leaves: the loop closes the connection.
        with suppress(OSError, TimeoutError):
            await self._loop.connect_accepted_socket(
                self._client,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.head_timeout,
                ssl_shutdown_timeout=_GOODBYE,
            )
