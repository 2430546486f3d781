"""The scenarios and the models, read once from `data/`; knows nothing of requests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .texts import CATEGORIES

DATA: Final = Path(__file__).parent / "data"

Scenario = Mapping[str, Any]

# What the outside sees of a scenario; the lines of the play stay here.
PUBLIC_FIELDS: Final = (
    "id",
    "title",
    "description",
    "difficulty",
    "tags",
    "category",
    "requires_consent",
)


def _load(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


SCENARIOS: Final[Mapping[str, Scenario]] = {row["id"]: row for row in _load("scenarios.json")}
_MODELS: Final = _load("models.json")
MODELS: Final[tuple[Mapping[str, str], ...]] = tuple(_MODELS["models"])
MODEL_IDS: Final = frozenset(model["id"] for model in MODELS)
DEFAULT_MODEL: Final[str] = _MODELS["default"]


def public(scenario: Scenario) -> dict[str, Any]:
    return {field: scenario[field] for field in PUBLIC_FIELDS}


def categorized() -> dict[str, list[dict[str, Any]]]:
    """The public scenarios by category, in the order of the file."""
    return {
        category: [public(row) for row in SCENARIOS.values() if row["category"] == category]
        for category in CATEGORIES
    }


def models_by_provider() -> dict[str, list[Mapping[str, str]]]:
    providers = dict.fromkeys(model["provider"] for model in MODELS)
    return {name: [m for m in MODELS if m["provider"] == name] for name in providers}
