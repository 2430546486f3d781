"""The seam for where sessions lie: a Protocol of five methods, and the JSON both implementations write.

It must not know cookies or HTTP. Two requests of one session at the same time: each reads, works and
writes the whole session, so the last write wins and never a mixture; the old application behaves alike.
"""

from __future__ import annotations

import json
import re
from typing import Any, Protocol

SessionData = dict[str, Any]

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class StoreUnavailableError(Exception):
    """The store did not answer; the request cannot be served, but the process lives on."""


class SessionStore(Protocol):
    async def load(self, session_id: str) -> SessionData | None:
        """What was saved under this id, or None when unknown, expired or unreadable."""

    async def save(self, session_id: str, data: SessionData) -> None:
        """Replace the whole session in one step and start its lifetime anew."""

    async def delete(self, session_id: str) -> None:
        """Forget the session; unknown ids are no error."""

    async def check(self) -> None:
        """Says nothing when the store works, else `StoreUnavailableError`."""

    async def count(self) -> int:
        """How many sessions are alive, for the metrics page."""


def is_session_id(text: str) -> bool:
    """True for an id as we make them; anything else never reaches a file name or a key."""
    return _SESSION_ID.fullmatch(text) is not None


def encode(data: SessionData) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def decode(raw: bytes) -> SessionData | None:
    """The session in `raw`; None when it is not a JSON object, which is then left where it lies."""
    try:
        data = json.loads(raw.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
