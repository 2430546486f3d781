"""The body of a request on its way upstream: sent as it comes, kept up to a bound for a second attempt and
for the shadow. Knows no socket."""

from __future__ import annotations

import msgspec

from gateway.wire.framing import LAST_CHUNK, chunk


class RequestBody(msgspec.Struct, eq=False):
    """``add`` what was read, take ``unsent`` to send. ``kept``: all of it is still here, which is at most
    ``bound`` bytes. A structure because there is one for every request with a body.
    """

    bound: int
    chunked: bool
    size: int = 0
    kept: bool = True
    done: bool = False
    _pieces: list[bytes] = []
    _sent: int = 0

    def add(self, data: bytes) -> None:
        """A piece has been read."""
        self._pieces.append(data)
        self.size += len(data)

    def unsent(self) -> bytes:
        """What is to be sent next, framed; its end as well when that has been read."""
        pieces = self._pieces[self._sent :]
        if self.size > self.bound:
            self._pieces.clear()
            self.kept = False
        self._sent = len(self._pieces)
        if self.chunked:
            pieces = [chunk(piece) for piece in pieces]
            if self.done:
                pieces.append(LAST_CHUNK)
        return b"".join(pieces)

    def again(self) -> None:
        """It is to be sent from its beginning."""
        self._sent = 0

    def whole(self) -> bytes:
        """All of it, without framing; empty when it is no longer kept."""
        return b"".join(self._pieces) if self.kept else b""


NO_BODY = RequestBody(0, chunked=False, done=True)
"""Of every request without one."""
