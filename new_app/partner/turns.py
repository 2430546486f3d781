"""What a partner is asked, and the seam itself; no partner and no HTTP is known here.

PartnerError          the partner gave no words
 ├─ PartnerBusy       a quota is used up; worth asking again later
 └─ PartnerFailed     anything else: refused, unreachable, empty
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from new_app.catalogue import Scenario

TARO = "太郎"
HANAKO = "花子"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who one talks to, where, and about what."""

    partner_type: str
    situation: str
    topic: str


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """Small talk; without a message the partner speaks first. `dialogue` is (human, ai), oldest first."""

    model: str
    scene: Scene
    message: str | None = None
    dialogue: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SceneTurn:
    """Role play; without a message the partner opens the scene."""

    model: str
    scenario: Scenario
    message: str | None = None
    dialogue: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WatchTurn:
    """Two speakers; `dialogue` is (speaker, line), oldest first, and `speaker` is whose turn it is."""

    model: str
    scene: Scene
    speaker: str = TARO
    dialogue: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewTurn:
    """Feedback on what the user said, `messages`, oldest first."""

    model: str
    title: str
    messages: tuple[str, ...]
    learning_points: tuple[str, ...] = ()


Turn = ChatTurn | SceneTurn | WatchTurn | ReviewTurn


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    model_used: str


class Partner(Protocol):
    async def reply(self, turn: Turn) -> Reply:
        """The whole answer, or `PartnerError`."""

    def stream(self, turn: Turn) -> AsyncIterator[str]:
        """The same answer in pieces, as they come."""


class PartnerError(Exception):
    """The partner gave no words."""


class PartnerBusy(PartnerError):
    """Out of quota or overloaded, now."""


class PartnerFailed(PartnerError):
    """Refused, unreachable, or no words in the answer."""
