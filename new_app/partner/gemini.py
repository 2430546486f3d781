"""The partner behind which Google Gemini answers; the only module that knows its client.

Which model answers is the request's choice (Pro or Flash). The keys take turns:

| a key's answer   | what happens                                                          |
|------------------|-----------------------------------------------------------------------|
| words            | the reply                                                             |
| 429, 503         | the next key; after the last one `PartnerBusy`                        |
| 401, 403         | the next key; after the last one `PartnerFailed`, unless one was busy |
| anything else    | `PartnerFailed` at once: another key would hear the same              |
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Final

from google import genai
from google.genai import errors, types

from new_app.partner.prompts import prompt
from new_app.partner.turns import PartnerBusy, PartnerError, PartnerFailed, Reply, Turn, WatchTurn

_BUSY: Final = frozenset({429, 503})
_REFUSED: Final = frozenset({401, 403})


class GeminiPartner:
    def __init__(self, keys: Sequence[str], url: str = "", timeout: float = 30.0) -> None:
        options = types.HttpOptions(
            base_url=url or None,
            timeout=int(timeout * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),  # we go to the next key instead
        )
        self._clients = [genai.Client(api_key=key, http_options=options) for key in keys]
        self._turns = itertools.count()

    async def reply(self, turn: Turn) -> Reply:
        words = "".join([piece async for piece in self.stream(turn)]).strip()
        return Reply(words, turn.model)

    async def stream(self, turn: Turn) -> AsyncIterator[str]:
        """Goes to the next key only before the first piece."""
        verdict: PartnerError = PartnerFailed("no key")
        for client in self._in_turn():
            heard = False
            try:
                async for piece in _asked(client, turn):
                    yield piece if heard else _nameless(turn, piece)
                    heard = True
                if heard:
                    return
                raise PartnerFailed("an answer without words")
            except _NextKeyError as refusal:
                if heard:
                    raise refusal.verdict from refusal
                verdict = verdict if isinstance(verdict, PartnerBusy) else refusal.verdict
        raise verdict

    def _in_turn(self) -> list[genai.Client]:
        first = next(self._turns) % len(self._clients)
        return [*self._clients[first:], *self._clients[:first]]


class _NextKeyError(Exception):
    """This key cannot answer, another one may."""

    def __init__(self, verdict: PartnerError) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


async def _asked(client: genai.Client, turn: Turn) -> AsyncIterator[str]:
    wanted = prompt(turn)
    contents: list[types.ContentUnion] = [
        types.Content(role=role, parts=[types.Part(text=words)]) for role, words in wanted.said
    ]
    config = types.GenerateContentConfig(system_instruction=wanted.instruction)
    model = turn.model.removeprefix("gemini/")
    try:
        answer = await client.aio.models.generate_content_stream(
            model=model, contents=contents, config=config
        )
        async for chunk in answer:
            if chunk.text:
                yield chunk.text
    except errors.APIError as error:
        raise _verdict(error) from error
    except Exception as error:  # the client's transport (httpx, httpx2, aiohttp) changed between its releases
        raise PartnerFailed(type(error).__name__) from error


def _verdict(error: errors.APIError) -> Exception:
    said = f"status {error.code}"  # never the text: it may repeat the key
    if error.code in _BUSY:
        return _NextKeyError(PartnerBusy(said))
    if error.code in _REFUSED:
        return _NextKeyError(PartnerFailed(said))
    return PartnerFailed(said)


def _nameless(turn: Turn, piece: str) -> str:
    """A watched speaker who announces himself: the route puts the name in front."""
    return piece.removeprefix(f"{turn.speaker}:").lstrip() if isinstance(turn, WatchTurn) else piece
