"""Which value of the other side stands for which value of the primary, in one session. It must not know
messages or cookies.

Values are learned in pairs and replaced later: a text that is such a value as a whole, and, for values that
look like ids or tokens, also where one stands inside a longer text (``Bearer …``, a link). Ids and free text
are kept apart, so that a long conversation does not push a CSRF token out.
"""

from __future__ import annotations

import re
from collections import OrderedDict

MIN_LENGTH = 6
MAX_LENGTH = 4096
MAX_VALUES = 256
MAX_CHARACTERS = 64 * 1024

_ID = re.compile(r"[A-Za-z0-9._~+=/:-]+\Z")
_WORD = re.compile(r"[A-Za-z0-9._~+=:-]{6,}")
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


class _Pairs:
    """A bounded mapping; what was not seen for longest goes first."""

    __slots__ = ("_characters", "_pairs")

    def __init__(self) -> None:
        self._pairs: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def put(self, primary: str, other: str) -> None:
        self._forget(primary)
        self._pairs[primary] = other
        self._characters += len(primary) + len(other)
        while len(self._pairs) > MAX_VALUES or self._characters > MAX_CHARACTERS:
            self._forget(next(iter(self._pairs)))

    def _forget(self, primary: str) -> None:
        other = self._pairs.pop(primary, None)
        if other is not None:
            self._characters -= len(primary) + len(other)

    def get(self, primary: str) -> str | None:
        return self._pairs.get(primary)

    def all(self) -> list[tuple[str, str]]:
        return list(self._pairs.items())

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def characters(self) -> int:
        return self._characters


class Correlations:
    """The pairs of one session."""

    __slots__ = ("_ids", "_texts")

    def __init__(self) -> None:
        self._ids, self._texts = _Pairs(), _Pairs()

    def learn(self, primary: str, other: str) -> None:
        """Remember that where the primary says ``primary`` the other side says ``other``. Too short or too
        long: not remembered.
        """
        if primary == other or not other:
            return
        if MIN_LENGTH <= len(primary) <= MAX_LENGTH and len(other) <= MAX_LENGTH:
            is_id = _ID.match(primary) and not _CLOCK.match(primary)
            (self._ids if is_id else self._texts).put(primary, other)

    def replace(self, text: str) -> str:
        """``text`` as the other side would have to be told it."""
        if len(text) < MIN_LENGTH or not self:
            return text
        whole = self._ids.get(text) or self._texts.get(text)
        if whole is not None:
            return whole
        return _WORD.sub(self._word, text) if len(self._ids) else text

    def _word(self, found: re.Match[str]) -> str:
        word = found.group()
        return self._ids.get(word) or word

    def state(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """All pairs of ids, and all of texts, the oldest first."""
        return self._ids.all(), self._texts.all()

    def resume(self, ids: list[tuple[str, str]], texts: list[tuple[str, str]]) -> None:
        """Go on from what others knew."""
        for pairs, known in ((self._ids, ids), (self._texts, texts)):
            for primary, other in known:
                pairs.put(primary, other)

    def __bool__(self) -> bool:
        return bool(len(self._ids) or len(self._texts))

    def size(self) -> int:
        """Characters kept."""
        return self._ids.characters + self._texts.characters
