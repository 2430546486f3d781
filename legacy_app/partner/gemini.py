"""The partner behind Google's Gemini: several keys, taken in turn; the border to google-genai.

Nothing of google-genai leaves this file: its errors become `PartnerBusy` or `PartnerFailed`.

| a key's answer              | what happens                                  |
|-----------------------------|-----------------------------------------------|
| text                        | the reply                                     |
| 429 or 503                  | the next key; after the last one, `PartnerBusy`|
| 401 or 403 (a refused key)  | the next key; after the last one, `PartnerFailed` unless another was busy |
| anything else               | `PartnerFailed` at once: another key would not help |
"""

import itertools
from collections.abc import Iterator
from typing import Final

from google import genai
from google.genai import errors, types

from .asks import Ask, Reply, WatchLine
from .errors import PartnerBusy, PartnerError, PartnerFailed
from .offline import SECOND_SPEAKER, other_speaker
from .prompts import Prompt, prompt_for

BUSY: Final = frozenset({429, 503})
REFUSED: Final = frozenset({401, 403})


class GeminiPartner:
    """Model ids are "gemini/…"; Pro or Flash is the caller's choice at every request."""

    def __init__(self, keys: tuple[str, ...], *, base_url: str = "", timeout: float = 30) -> None:
        options = types.HttpOptions(base_url=base_url or None, timeout=int(timeout * 1000))
        self._clients = [genai.Client(api_key=key, http_options=options) for key in keys]
        # next() on a count is atomic, so the threads of a worker share it without a lock.
        self._turn = itertools.count()

    def reply(self, ask: Ask, model: str) -> Reply:
        failure: PartnerError = PartnerFailed("no key")
        for client in self._in_turn():
            try:
                text = _generate(client, model.removeprefix("gemini/"), prompt_for(ask))
            except _TryNext as refusal:
                if not isinstance(failure, PartnerBusy):
                    failure = refusal.verdict
            else:
                return Reply(_named(ask, text), model)
        raise failure

    def _in_turn(self) -> Iterator[genai.Client]:
        first = next(self._turn) % len(self._clients)
        yield from self._clients[first:]
        yield from self._clients[:first]


class _TryNext(Exception):
    """This key cannot answer, another one may."""

    def __init__(self, verdict: PartnerError) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


def _generate(client: genai.Client, model: str, prompt: Prompt) -> str:
    contents: list[types.ContentUnion] = [
        types.Content(role=role, parts=[types.Part(text=text)]) for role, text in prompt.turns
    ]
    config = types.GenerateContentConfig(system_instruction=prompt.system)
    try:
        answer = client.models.generate_content(model=model, contents=contents, config=config)
    except errors.APIError as error:
        raise _verdict(error) from error
    except Exception as error:
        # Whatever it is: the transport below the client, and so its errors, vary by version.
        raise PartnerFailed(type(error).__name__) from error
    text = (answer.text or "").strip()
    if not text:
        raise PartnerFailed("an answer without text")
    return text


def _verdict(error: errors.APIError) -> Exception:
    if error.code in BUSY:
        return _TryNext(PartnerBusy(f"status {error.code}"))
    if error.code in REFUSED:
        return _TryNext(PartnerFailed(f"status {error.code}"))
    return PartnerFailed(f"status {error.code}")


def _named(ask: Ask, text: str) -> str:
    if not isinstance(ask, WatchLine):
        return text
    last = ask.history[-1][0] if ask.history else SECOND_SPEAKER
    speaker = other_speaker(last)
    return f"{speaker}: {text.removeprefix(f'{speaker}:').strip()}"
