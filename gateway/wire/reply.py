"""One answer on its way to the client: how it is framed there, what waits to be written, and a bounded
copy of it.

Knows no socket: ``take`` gives the bytes that are to be written now.
"""

from __future__ import annotations

import msgspec

from gateway.core.headers import ResponseFacts
from gateway.core.message import RequestHead, ResponseHead
from gateway.wire.framing import BODILESS, LAST_CHUNK, chunk


class Reply(msgspec.Struct, eq=False):
    """``chunked`` and ``unframed`` say how its end is shown; ``begun``: a byte of it may have reached the
    client; ``cut``: the copy is not the whole. A structure because there is one for every request.
    """

    head: ResponseHead
    has_body: bool
    chunked: bool
    unframed: bool
    copy_bound: int
    begun: bool = False
    cut: bool = False
    _out: list[bytes] = []
    _copy: list[bytes] = []
    _copied: int = 0

    def begin(self, head: bytes) -> None:
        """The head, as the client gets it."""
        self._out.append(head)

    def add(self, data: bytes) -> None:
        """A piece of the body."""
        if self.has_body:
            self._out.append(chunk(data) if self.chunked else data)
        if self.copy_bound and not self.cut:
            self._copied += len(data)
            if self._copied > self.copy_bound:
                self.cut = True
            else:
                self._copy.append(data)

    def end(self) -> None:
        """The body has ended, and its end is shown."""
        if self.chunked:
            self._out.append(LAST_CHUNK)

    def take(self) -> bytes:
        """Everything that waits; empty when nothing does."""
        out = self._out
        if not out:
            return b""
        self.begun = True
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    def copy(self) -> bytes:
        """The body, up to the bound; ``cut`` says that it was longer."""
        return b"".join(self._copy)

    def is_open_ended_event_stream(self) -> bool:
        """Whether it may end at any event without looking whole when it is not: its client comes back by
        itself."""
        return (self.chunked or self.unframed) and any(
            name.lower() == b"content-type" and value.strip().lower().startswith(b"text/event-stream")
            for name, value in self.head.fields
        )


def reply_to(request: RequestHead, head: ResponseHead, facts: ResponseFacts, *, copy_bound: int) -> Reply:
    """What an answer becomes for who asked. ``copy_bound``: bytes of the body that are kept for the
    comparison; 0 keeps none."""
    has_body = request.method != b"HEAD" and head.status not in BODILESS
    if not has_body or facts.length is not None:
        return Reply(head, has_body, False, False, copy_bound)
    http10 = request.minor_version == 0
    return Reply(head, has_body, not http10, http10, copy_bound)
