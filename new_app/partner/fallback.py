"""One partner behind another: whoever hears "busy" from the first is answered by the second."""

from __future__ import annotations

from collections.abc import AsyncIterator

from new_app.partner.turns import Partner, PartnerBusy, Reply, Turn


class WithFallback:
    def __init__(self, first: Partner, second: Partner) -> None:
        self._first = first
        self._second = second

    async def reply(self, turn: Turn) -> Reply:
        try:
            return await self._first.reply(turn)
        except PartnerBusy:
            return await self._second.reply(turn)

    async def stream(self, turn: Turn) -> AsyncIterator[str]:
        """Changes over only before the first piece: nobody can take back words already heard."""
        heard = False
        try:
            async for piece in self._first.stream(turn):
                heard = True
                yield piece
            return
        except PartnerBusy:
            if heard:
                raise
        async for piece in self._second.stream(turn):
            yield piece
