"""Six strengths a person shows in a conversation, scored from the words used; pure.

A score starts at `BASE`, gains `PER_MESSAGE` for every message that shows the strength,
and stays within 0 and 100. Equal scores are ordered as in the table below.
"""

from collections.abc import Mapping, Sequence
from typing import Final

BASE: Final = 50
PER_MESSAGE: Final = 9
HIGHEST: Final = 100
TOP: Final = 3

# strength: (its Japanese name, the words that show it)
STRENGTHS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "empathy": ("共感力", ("大変", "わかり", "わかる", "ですね", "そうです", "お察し", "気持ち")),
    "clarity": ("明確さ", ("つまり", "まず", "具体的", "理由", "から", "例えば", "結論")),
    "listening": ("傾聴力", ("？", "?", "教えて", "聞か", "どう", "なるほど", "いかが")),
    "adaptability": ("適応力", ("では", "なら", "一緒", "代わり", "調整", "変え", "相談")),
    "positivity": ("前向きさ", ("嬉し", "うれし", "楽し", "いい", "良い", "ぜひ", "頑張")),
    "professionalism": (
        "職業意識",
        ("ます", "です", "いたし", "ください", "お願い", "報告", "確認"),
    ),
}


def strength_scores(messages: Sequence[str]) -> dict[str, int]:
    """A score for every strength; without messages all are zero."""
    if not messages:
        return dict.fromkeys(STRENGTHS, 0)
    return {key: _score(words, messages) for key, (_, words) in STRENGTHS.items()}


def top_strengths(scores: Mapping[str, int]) -> list[str]:
    """The keys of the best three, best first."""
    order = list(STRENGTHS)
    return sorted(order, key=lambda key: (-scores[key], order.index(key)))[:TOP]


def _score(words: tuple[str, ...], messages: Sequence[str]) -> int:
    hits = sum(any(word in message for word in words) for message in messages)
    return min(HIGHEST, BASE + PER_MESSAGE * hits)
