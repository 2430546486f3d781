"""The partner behind which Google Gemini answers; the only module that knows its client.

Which model answers is the request's choice (Pro or Flash). The keys take turns; one whose quota is used up is
passed over, and when all are, the fallback model is asked with each of them before the user hears "busy".
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import httpx
from google import genai
from google.genai import errors, types

from new_app.partner.prompts import prompt
from new_app.partner.turns import PartnerBusy, PartnerError, PartnerFailed, Turn

FALLBACK_MODEL: Final = "gemini-2.0-flash"
RETRY_AFTER: Final = 30
TIMEOUT_MS: Final = 30_000
_QUOTA: Final = 429


class GeminiPartner:
    def __init__(self, keys: Sequence[str], url: str = "") -> None:
        options = types.HttpOptions(
            base_url=url or None,
            timeout=TIMEOUT_MS,
            retry_options=types.HttpRetryOptions(attempts=1),  # we go to the next key instead
        )
        self._clients = [genai.Client(api_key=key, http_options=options) for key in keys]
        self._turns = itertools.count()

    async def reply(self, turn: Turn) -> str:
        return "".join([piece async for piece in self.stream(turn)])

    async def stream(self, turn: Turn) -> AsyncIterator[str]:
        """Goes to the next key only before the first piece: nobody can take back words already heard."""
        busy: PartnerBusy | None = None
        for client, model in self._attempts(turn.model):
            heard = False
            try:
                async for piece in _asked(client, model, turn):
                    heard = True
                    yield piece
            except PartnerBusy as error:
                if heard:
                    raise
                busy = error
                continue
            if not heard:
                raise PartnerFailed("the model answered without words")
            return
        raise busy or PartnerFailed("no key")

    def _attempts(self, model: str) -> Iterator[tuple[genai.Client, str]]:
        first = next(self._turns) % len(self._clients)
        turned = [*self._clients[first:], *self._clients[:first]]
        wanted = model.removeprefix("gemini/")
        for name in dict.fromkeys((wanted, FALLBACK_MODEL)):
            yield from ((client, name) for client in turned)


async def _asked(client: genai.Client, model: str, turn: Turn) -> AsyncIterator[str]:
    wanted = prompt(turn)
    contents: list[types.ContentUnion] = [
        types.Content(role=role, parts=[types.Part(text=words)]) for role, words in wanted.said
    ]
    config = types.GenerateContentConfig(system_instruction=wanted.instruction)
    try:
        answer = await client.aio.models.generate_content_stream(model=model, contents=contents, config=config)
        async for chunk in answer:
            if chunk.text:
                yield chunk.text
    except (errors.APIError, httpx.HTTPError, ValueError) as error:
        raise _translated(error) from error


def _translated(error: Exception) -> PartnerError:
    if isinstance(error, errors.APIError) and error.code == _QUOTA:
        return PartnerBusy(RETRY_AFTER)
    return PartnerFailed(str(error))
