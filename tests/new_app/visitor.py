"""One person in front of an application: keeps cookies and token, and can hold the usual conversations."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import httpx

LUNCH = {"partner_type": "colleague", "situation": "lunch", "topic": "food"}
FLASH, PRO = "gemini/gemini-1.5-flash", "gemini/gemini-1.5-pro"
WATCH = {"model_a": FLASH, "model_b": PRO, **LUNCH}


class Visitor:
    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)
        self._token = ""

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.http.close()

    @property
    def token(self) -> str:
        if not self._token:
            self._token = str(self.http.get("/api/csrf-token").json()["csrf_token"])
        return self._token

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, path: str, body: object = None) -> httpx.Response:
        return self.http.post(path, json={} if body is None else body, headers={"X-CSRF-Token": self.token})

    def stream(self, path: str, body: object = None) -> list[dict[str, Any]]:
        """Every event of a streamed answer, parsed."""
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        return events(answer.text)

    def start_chat(self, **more: str) -> httpx.Response:
        return self.post("/api/start_chat", {**LUNCH, **more})

    def say(self, message: str) -> httpx.Response:
        return self.post("/api/chat", {"message": message})

    def history(self, kind: str = "chat", **more: str) -> list[dict[str, str]]:
        entries: list[dict[str, str]] = self.post("/api/conversation_history", {"type": kind, **more}).json()[
            "history"
        ]
        return entries

    def session_keys(self) -> list[str]:
        keys: list[str] = self.get("/api/session/info").json()["keys"]
        return keys


def events(text: str) -> list[dict[str, Any]]:
    assert text.endswith("\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in text[:-2].split("\n\n")]
