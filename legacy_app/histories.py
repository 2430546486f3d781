"""What a session remembers of conversations: its keys, and their only writer.

| key                | value                                                                     |
|--------------------|---------------------------------------------------------------------------|
| `chat_settings`    | `{partner_type, situation, topic, model, opening}`                        |
| `chat_history`     | `[{human, ai, timestamp}]`; the opening line is not in it                 |
| `chat_model`       | the model used last in chat or scenario                                   |
| `scenario_history` | `{scenario_id: [{human, ai, timestamp}]}`; the opening has an empty human |
| `current_scenario` | the scenario spoken in last                                               |
| `watch_settings`   | `{model_a, model_b, partner_type, situation, topic}`                      |
| `watch_history`    | `[{speaker, message, timestamp}]`; the message without the speaker        |

`selected_voice` and `preferences` are written by parts of the product that are not served here;
they are kept, listed and cleared. Texts are kept raw. Values are replaced, never changed in
place: a session notices only what is assigned to it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from flask import session

from .texts import HISTORY_MAX

Entry = dict[str, str]
History = list[Entry]

# What goes when a conversation of this kind is cleared with its settings.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "chat": ("chat_history", "chat_settings"),
    "scenario": ("scenario_history", "current_scenario"),
    "watch": ("watch_history", "watch_settings"),
}


def now() -> str:
    return datetime.now(UTC).isoformat()


def exchange(human: str, ai: str) -> Entry:
    return {"human": human, "ai": ai, "timestamp": now()}


def spoken(speaker: str, message: str) -> Entry:
    return {"speaker": speaker, "message": message, "timestamp": now()}


def chat() -> History:
    return list(session.get("chat_history", ()))


def watch() -> History:
    return list(session.get("watch_history", ()))


def scenario(scenario_id: str) -> History:
    return list(session.get("scenario_history", {}).get(scenario_id, ()))


def keep_chat(entry: Entry) -> None:
    session["chat_history"] = _capped([*chat(), entry])


def keep_watch(entry: Entry) -> None:
    session["watch_history"] = _capped([*watch(), entry])


def keep_scenario(scenario_id: str, entry: Entry) -> None:
    kept = _capped([*scenario(scenario_id), entry])
    session["scenario_history"] = {**session.get("scenario_history", {}), scenario_id: kept}
    session["current_scenario"] = scenario_id


def forget_scenario(scenario_id: str) -> None:
    others = dict(session.get("scenario_history", {}))
    others.pop(scenario_id, None)
    session["scenario_history"] = others
    if session.get("current_scenario") == scenario_id:
        session.pop("current_scenario")


def forget(keys: Iterable[str]) -> None:
    for key in keys:
        session.pop(key, None)


def human_lines(history: History) -> list[str]:
    return [entry["human"] for entry in history if entry.get("human")]


def lengths() -> dict[str, Any]:
    """How many entries each conversation has."""
    scenes = session.get("scenario_history", {})
    return {
        "chat_history": len(chat()),
        "scenario_history": {name: len(entries) for name, entries in scenes.items()},
        "watch_history": len(watch()),
    }


def _capped(history: History) -> History:
    return history[-HISTORY_MAX:]
