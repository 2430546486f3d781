"""The legacy application as a real process, and a person who uses it over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import LOOPBACK, free_port
from tests.support.spawn import Spawned, Spawner, http_ok

FLASH = "gemini/gemini-1.5-flash"
PRO = "gemini/gemini-1.5-pro"
START = {"partner_type": "colleague", "situation": "lunch", "topic": "food"}
WATCH = {"model_a": FLASH, "model_b": PRO, **START}

# What the surroundings of a test run may set must not reach the application.
BLANK = dict.fromkeys(
    ("SESSION_TYPE", "REDIS_URL", "SECRET_KEY", "PARTNER", "GEMINI_API_KEYS", "PARTNER_FALLBACK"), ""
)


class Legacy:
    """A running application: its address, its process, its folder."""

    def __init__(self, spawn: Spawner, folder: Path, **env: str) -> None:
        self.folder = folder
        self.redis_url = env.get("REDIS_URL", "")
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self.process: Spawned = spawn(
            command(port),
            name="legacy",
            ready=http_ok(f"{self.url}/health"),
            env={**BLANK, "SESSION_DIR": str(folder), **env},
        )

    def person(self, **cookies: str) -> Person:
        return Person(self.url, **cookies)


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "legacy_app", "--bind", f"{LOOPBACK}:{port}", "--workers", "2"]


class Person(httpx.Client):
    """One browser's worth of cookies, which fetches its token when it first needs one."""

    def __init__(self, url: str, **cookies: str) -> None:
        super().__init__(base_url=url, trust_env=False, timeout=60, cookies=cookies)
        self._token = ""

    def token(self) -> str:
        if not self._token:
            self._token = self.get("/api/csrf-token").json()["csrf_token"]
        return self._token

    def ask(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A POST with the session's token."""
        return self.post(path, json=body or {}, headers={"X-CSRF-Token": self.token(), **headers})

    def said(self, path: str, body: Any = None) -> Any:
        """The same, when it must succeed; the answer's body."""
        answer = self.ask(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def history(self, kind: str, **more: str) -> list[dict[str, str]]:
        entries: list[dict[str, str]] = self.said("/api/conversation_history", {"type": kind, **more})[
            "history"
        ]
        return entries


def fault(answer: httpx.Response) -> tuple[int, str, str | None]:
    """(status, code, field) of a refusal, which must carry a sentence too."""
    error = answer.json()["error"]
    assert error["message"]
    return answer.status_code, error["code"], error.get("field")


def invalid(field: str | None = None) -> tuple[int, str, str | None]:
    return 400, "VALIDATION_ERROR", field
