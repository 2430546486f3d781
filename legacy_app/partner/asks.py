"""What is asked of a partner, as values, and the one interface that answers.

The values are whole: a partner needs nothing beside them, neither session nor request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Scenario = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange; `human` is empty when the partner spoke first."""

    human: str
    ai: str


@dataclass(frozen=True, slots=True)
class Persona:
    partner_type: str
    situation: str
    topic: str


@dataclass(frozen=True, slots=True)
class ChatStart:
    persona: Persona


@dataclass(frozen=True, slots=True)
class ChatTurn:
    persona: Persona
    history: tuple[Turn, ...]
    message: str


@dataclass(frozen=True, slots=True)
class SceneStart:
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class SceneTurn:
    scenario: Scenario
    history: tuple[Turn, ...]
    message: str


@dataclass(frozen=True, slots=True)
class WatchLine:
    """The next line of two speakers; `history` is (speaker, message), empty at the start."""

    persona: Persona
    history: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ChatFeedback:
    partner_type: str
    situation: str
    history: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class SceneFeedback:
    scenario: Scenario
    history: tuple[Turn, ...]


Ask = ChatStart | ChatTurn | SceneStart | SceneTurn | WatchLine | ChatFeedback | SceneFeedback


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    model_used: str


class Partner(Protocol):
    def reply(self, ask: Ask, model: str) -> Reply:
        """The answer, or `PartnerBusy` or `PartnerFailed`. A watched line is "speaker: text"."""
        ...
