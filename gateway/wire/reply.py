"""One answer on its way to the client: how it is framed there, what waits to be written, and a bounded
copy of it.

Knows no socket: ``take`` gives the bytes that are to be written now.
"""

from __future__ import annotations

from gateway.core.headers import ResponseFacts
from gateway.core.message import ResponseHead
from gateway.wire.framing import LAST_CHUNK, chunk

_NO_BODY = frozenset({204, 304})


class Reply:
    """``to_head``: the request was a HEAD. ``http10``: the client reads no chunks. ``copy_bound``: bytes
    of the body that are kept for the comparison; 0 keeps none.

    ``chunked`` and ``unframed`` say how its end is shown; ``begun``: a byte of it may have reached the
    client.
    """

    __slots__ = (
        "_copied",
        "_copy",
        "_copy_bound",
        "_has_body",
        "_out",
        "begun",
        "chunked",
        "cut",
        "head",
        "unframed",
    )

    def __init__(
        self, head: ResponseHead, facts: ResponseFacts, *, to_head: bool, http10: bool, copy_bound: int
    ) -> None:
        self.head = head
        self._has_body = not to_head and head.status not in _NO_BODY
        unknown_length = self._has_body and facts.length is None
        self.chunked = unknown_length and not http10
        self.unframed = unknown_length and http10
        self._out: list[bytes] = []
        self._copy: list[bytes] = []
        self._copied = 0
        self._copy_bound = copy_bound
        self.cut = False
        self.begun = False

    def begin(self, head: bytes) -> None:
        """The head, as the client gets it."""
        self._out.append(head)

    def add(self, data: bytes) -> None:
        """A piece of the body."""
        if self._has_body:
            self._out.append(chunk(data) if self.chunked else data)
        if self._copy_bound and not self.cut:
            self._copied += len(data)
            if self._copied > self._copy_bound:
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
