"""TLS to an application whose last words can still be read when a write to it has failed.

The event loop ends such a connection without reading on. What the application has said before is in the
system's buffer, and only who has the incoming bytes of this connection can open it.
"""

from __future__ import annotations

import os
import select
import ssl
from collections.abc import Iterator
from contextlib import suppress

from gateway.wire.limits import MOST_READ

_LEFT = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_PIECE = 64 * 1024


class Sealed(ssl.SSLObject):
    """``incoming``: where the bytes of the network go in."""

    incoming: ssl.MemoryBIO


class SealingContext(ssl.SSLContext):
    """Makes connections that know where their bytes come in."""

    sslobject_class = Sealed

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(made, Sealed):
            made.incoming = incoming
        return made


def has_left(file: int) -> bool:
    """Whether the peer of a connection has said its last word."""
    look = select.poll()
    look.register(file, _LEFT)
    return bool(look.poll(0))


def last_words(sealed: Sealed, file: int, most: int) -> Iterator[bytes]:
    """What the peer, which has left, has said and nobody has read, in at most ``most`` reads. An empty piece
    at the end: it has said goodbye."""
    with suppress(OSError):  # that of TLS as well: there is no more
        for _ in range(most):
            data = os.read(file, MOST_READ)
            if not data:
                break
            sealed.incoming.write(data)
    with suppress(OSError):
        while True:
            piece = sealed.read(_PIECE)
            yield piece
            if not piece:
                return
