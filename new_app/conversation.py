"""The three conversations as they lie in a session; no HTTP, no partner.

| key                | value                                                                     |
|--------------------|---------------------------------------------------------------------------|
| `chat_settings`    | `{partner_type, situation, topic, model, opening}`                        |
| `chat_history`     | `[{human, ai, timestamp}]`, without the opening                           |
| `chat_model`       | the model used last in a chat or a scene                                  |
| `scenario_history` | `{scenario_id: [{human, ai, timestamp}]}`; an opening has an empty human  |
| `current_scenario` | the scene spoken in last                                                  |
| `watch_settings`   | `{model_a, model_b, partner_type, situation, topic}`                      |
| `watch_history`    | `[{speaker, message, timestamp}]`                                         |

Texts are kept raw; escaping is the answer's business. `cap` is how many entries stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from new_app.catalogue import DEFAULT_MODEL, MODEL_IDS
from new_app.partner import Scene
from new_app.partner.turns import HANAKO, TARO
from new_app.sessions import Session

Entry = dict[str, str]

KEYS: Final = {
    "chat": ("chat_settings", "chat_history"),
    "scenario": ("scenario_history", "current_scenario"),
    "watch": ("watch_settings", "watch_history"),
}


def now() -> str:
    return datetime.now(UTC).isoformat()


def start_chat(session: Session, scene: Scene, model: str, opening: str) -> None:
    session["chat_settings"] = {**asdict(scene), "model": model, "opening": opening}
    session["chat_model"] = model
    session["chat_history"] = []


def start_watch(session: Session, scene: Scene, models: Mapping[str, str]) -> None:
    session["watch_settings"] = {**models, **asdict(scene)}
    session["watch_history"] = []


def chat_model(session: Session) -> str:
    """The model used last; a name we no longer offer counts as none."""
    model = session.get("chat_model")
    return model if model in MODEL_IDS else DEFAULT_MODEL


def scene_of(settings: Mapping[str, Any]) -> Scene:
    return Scene(settings["partner_type"], settings["situation"], settings["topic"])


def chat_history(session: Session) -> list[Entry]:
    return list(session.get("chat_history", ()))


def scene_history(session: Session, scenario_id: str) -> list[Entry]:
    return list(session.get("scenario_history", {}).get(scenario_id, ()))


def watch_history(session: Session) -> list[Entry]:
    return list(session.get("watch_history", ()))


def remember_chat(session: Session, human: str, ai: str, model: str, cap: int) -> None:
    session["chat_history"] = [*chat_history(session), _exchange(human, ai)][-cap:]
    session["chat_model"] = model


def remember_scene(session: Session, scenario_id: str, human: str, ai: str, model: str, cap: int) -> None:
    history = [*scene_history(session, scenario_id), _exchange(human, ai)][-cap:]
    session["scenario_history"] = {**session.get("scenario_history", {}), scenario_id: history}
    session["current_scenario"] = scenario_id
    session["chat_model"] = model


def remember_watch(session: Session, speaker: str, line: str, cap: int) -> None:
    entry = {"speaker": speaker, "message": line, "timestamp": now()}
    session["watch_history"] = [*watch_history(session), entry][-cap:]


def forget_scene(session: Session, scenario_id: str) -> None:
    scenes = session.get("scenario_history", {})
    session["scenario_history"] = {key: scenes[key] for key in scenes if key != scenario_id}
    if session.get("current_scenario") == scenario_id:
        session.drop("current_scenario")


def lengths(session: Session) -> dict[str, Any]:
    """How many entries each conversation has."""
    scenes = session.get("scenario_history", {})
    return {
        "chat_history": len(chat_history(session)),
        "scenario_history": {key: len(scenes[key]) for key in scenes},
        "watch_history": len(watch_history(session)),
    }


def dialogue(history: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    """(human, ai) of a chat or a scene, as a partner wants them."""
    return tuple((entry["human"], entry["ai"]) for entry in history)


def lines(history: Sequence[Entry]) -> tuple[tuple[str, str], ...]:
    """(speaker, line) of a watched conversation."""
    return tuple((entry["speaker"], entry["message"]) for entry in history)


def said_by_user(history: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(entry["human"] for entry in history if entry.get("human"))


def other_speaker(speaker: str) -> str:
    return HANAKO if speaker == TARO else TARO


def _exchange(human: str, ai: str) -> Entry:
    return {"human": human, "ai": ai, "timestamp": now()}
