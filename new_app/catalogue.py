"""What the application knows by heart: scenarios, models and the choices a request may name.

Read once from `data/`; nothing here changes while the process lives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data"


def read_data(name: str) -> Any:
    return json.loads((DATA / name).read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Scenario:
    id: str
    title: str
    description: str
    difficulty: str
    tags: tuple[str, ...]
    category: str
    requires_consent: bool
    partner: str
    opening: str
    lines: tuple[str, ...]
    learning_points: tuple[str, ...]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Scenario:
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        return cls(**values)

    def card(self) -> dict[str, Any]:
        """What a list of scenarios tells; the lines of the scene stay with us."""
        shown = ("id", "title", "description", "difficulty", "category", "requires_consent")
        return {**{name: getattr(self, name) for name in shown}, "tags": list(self.tags)}


SCENARIOS: Final[Mapping[str, Scenario]] = {
    row["id"]: Scenario.read(row) for row in read_data("scenarios.json")["scenarios"]
}
CATEGORIES: Final[Mapping[str, str]] = {
    "regular_communication": "職場のコミュニケーション",
    "harassment_prevention": "ハラスメント防止",
}
DIFFICULTIES: Final[Mapping[str, str]] = {"beginner": "初級", "intermediate": "中級", "advanced": "上級"}

_MODELS: Final = read_data("models.json")
MODELS: Final[tuple[dict[str, str], ...]] = tuple(_MODELS["models"])
MODEL_IDS: Final = frozenset(model["id"] for model in MODELS)
DEFAULT_MODEL: Final[str] = _MODELS["default"]

PARTNERS: Final[Mapping[str, str]] = {
    "colleague": "同僚",
    "senior": "先輩",
    "junior": "後輩",
    "boss": "上司",
    "client": "取引先",
}
SITUATIONS: Final[Mapping[str, str]] = {
    "lunch": "ランチ",
    "break": "休憩時間",
    "morning": "朝の出社時",
    "evening": "退社前",
    "party": "懇親会",
}
TOPICS: Final[Mapping[str, str]] = {
    "general": "雑談",
    "hobby": "趣味",
    "news": "ニュース",
    "food": "食べ物",
    "work": "仕事",
}
