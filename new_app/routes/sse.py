"""Server-sent events: how a partner's words leave piece by piece; knows nothing of the three modes."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse

from new_app.errors import busy_body, failed_body
from new_app.partner import PartnerBusy, PartnerError, PartnerFailed

log = logging.getLogger("new_app.stream")

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # the second is for nginx


@dataclass(frozen=True, slots=True)
class Telling:
    """One streamed answer: `keep` takes the whole, `show` makes what leaves, `lead` goes in front."""

    pieces: AsyncIterator[str]
    keep: Callable[[str], Awaitable[None]]
    show: Callable[[str], str]
    lead: str = ""

    async def answer(self) -> StreamingResponse:
        """Begun only when the first piece is there: until then a failure still has a status of its own."""
        try:
            first = await anext(self.pieces)
        except StopAsyncIteration:
            raise PartnerFailed("a stream without words") from None
        return StreamingResponse(self._events(first), media_type="text/event-stream", headers=_HEADERS)

    async def _events(self, first: str) -> AsyncIterator[bytes]:
        """The words are kept before `done` says so; of a listener who left early nothing is kept."""
        said = [first]
        yield _event({"content": self.show(self.lead + first)})
        try:
            async for piece in self.pieces:
                said.append(piece)
                yield _event({"content": self.show(piece)})
        except PartnerError as error:
            log.warning("a stream broke off: %s", error)
            yield _event(busy_body() if isinstance(error, PartnerBusy) else failed_body())
            return
        whole = "".join(said).strip()
        await self.keep(whole)
        yield _event({"done": True, "full_content": self.show(self.lead + whole)})


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
