"""Seeded regressions: mistakes a real rewrite makes, switched on by name, so that a gateway can be seen
to find them.

`NEW_APP_FAULTS` switches them on at start, `NEW_APP_FAULTS_FILE` names a file that is looked at with
every request. Each fault is one row of `FAULTS`; its hook is a function below, called from the one place
its row names.
"""

from __future__ import annotations

import asyncio
import html
import itertools
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("new_app.faults")

FULL_HISTORY = 50
CUT_HISTORY = 20
SLOWER_SECONDS = 0.3
ONE_ERROR_IN = 50


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and where it is seen from outside."""

    does: str
    seen: str


FAULTS: Mapping[str, Fault] = {
    "history-cut": Fault(
        "keeps 20 entries of a conversation instead of 50", "POST /api/conversation_history"
    ),
    "field-renamed": Fault('answers {"reply"} instead of {"response"}', "POST /api/chat"),
    "number-as-text": Fault('answers "3600" instead of 3600 in expires_in', "GET /api/csrf-token"),
    "unescaped-html": Fault(
        "no longer escapes HTML in the partner's words", "POST /api/chat, /api/scenario_chat"
    ),
    "wrong-status": Fault("answers 201 instead of 200", "POST /api/start_chat"),
    "slow": Fault("answers 300 ms later", "every route but /health and /metrics"),
    "errors": Fault("answers every 50th request with 500", "every route but /health and /metrics"),
    "session-key-dropped": Fault("finds no chat_model in a session", "GET /api/session/info"),
}

_SPARED = frozenset({"/health", "/metrics"})


class UnknownFaultError(ValueError):
    """A name that is not a row of the table."""


def parse_faults(text: str) -> frozenset[str]:
    """The names in `text`, separated by commas or white space."""
    names = frozenset(name for name in re.split(r"[,\s]+", text) if name)
    unknown = sorted(names - FAULTS.keys())
    if unknown:
        raise UnknownFaultError(f"unknown fault {', '.join(unknown)}; valid names: {', '.join(FAULTS)}.")
    return names


class Faults:
    """The faults that are on right now: those from the start, and those the file names at this moment."""

    def __init__(self, always: frozenset[str] = frozenset(), file: Path | None = None) -> None:
        self._always = always
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._from_file: frozenset[str] = frozenset()
        self._requests = itertools.count(1)

    def active(self) -> frozenset[str]:
        """One `stat` per request; the file is read only when it changed."""
        if self._file is None:
            return self._always
        stamp = self._stamp_now(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            self._from_file = self._read(self._file) if stamp else frozenset()
        return self._always | self._from_file

    def error_is_due(self) -> bool:
        """Counted, not drawn: the same run fails at the same requests."""
        return next(self._requests) % ONE_ERROR_IN == 0

    @staticmethod
    def _stamp_now(file: Path) -> tuple[int, int] | None:
        try:
            status = file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    @staticmethod
    def _read(file: Path) -> frozenset[str]:
        """Known names count, a bad one is said once (per change of the file) and left out."""
        try:
            names = re.split(r"[,\s]+", file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            log.warning("faults file cannot be read: %s", error)
            return frozenset()
        found = frozenset(name for name in names if name)
        for name in sorted(found - FAULTS.keys()):
            log.warning("faults file: unknown fault %r is ignored; valid names: %s", name, ", ".join(FAULTS))
        return found & FAULTS.keys()


class FaultLayer:
    """Fixes the set of faults for one request (`request.state.faults`) and makes those that need no route."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        active = self._faults.active()
        scope.setdefault("state", {})["faults"] = active
        if scope["path"] not in _SPARED:
            if "slow" in active:
                await asyncio.sleep(SLOWER_SECONDS)
            if "errors" in active and self._faults.error_is_due():
                raise SeededError("seeded regression: errors")
        await self._app(scope, receive, send)


class SeededError(RuntimeError):
    """Handled like any defect of ours: by the last resort, with a 500."""


def history_cap(active: frozenset[str]) -> int:
    return CUT_HISTORY if "history-cut" in active else FULL_HISTORY


def escaped(active: frozenset[str], text: str) -> str:
    """The partner quotes the user; pages put it into HTML."""
    return text if "unescaped-html" in active else html.escape(text)


def chat_answer(active: frozenset[str], words: str) -> dict[str, str]:
    """The body of `POST /api/chat`."""
    return {"reply" if "field-renamed" in active else "response": words}


def expires_in(active: frozenset[str], seconds: int) -> int | str:
    return str(seconds) if "number-as-text" in active else seconds


def start_status(active: frozenset[str]) -> int:
    return 201 if "wrong-status" in active else 200


def kept_keys(active: frozenset[str], data: dict[str, Any]) -> dict[str, Any]:
    """The session as it is found by the next request."""
    return {k: v for k, v in data.items() if k != "chat_model"} if "session-key-dropped" in active else data
