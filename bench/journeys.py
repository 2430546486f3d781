"""Users of the reference application who go through many steps, each with a session and token of their own.

Run by locust (`python -m bench --journeys URL`) against either application or the gateway. A wrong answer
counts as a failure, not only a wrong status: a session that was mixed up or forgotten is found here.
"""

from __future__ import annotations

from typing import Any

from locust import HttpUser, between, task
from locust.clients import ResponseContextManager


class Journey(HttpUser):
    """What all users share: a token, and a POST that carries it."""

    abstract = True
    wait_time = between(0.01, 0.1)

    def on_start(self) -> None:
        """Open a session."""
        self.token = self.client.get("/api/csrf-token").json()["csrf_token"]

    def post(self, path: str, expected: str, **body: object) -> Any:
        """POST with the token; the answer must be 200 and hold the expected key."""
        headers = {"X-CSRF-Token": self.token}
        with self.client.post(path, json=body, headers=headers, catch_response=True) as answer:
            return checked(answer, expected)


def checked(answer: ResponseContextManager, expected: str) -> Any:
    """The value under the expected key; otherwise the request counts as failed."""
    if answer.status_code == 200 and expected in answer.json():
        return answer.json()[expected]
    answer.failure(f"status {answer.status_code}, no {expected!r}")
    return None


class SmallTalk(Journey):
    """Five turns of small talk; the history must hold exactly these five."""

    weight = 3

    @task
    def talk(self) -> None:
        """Start, talk, look back."""
        self.post("/api/start_chat", "response", partner_type="colleague", situation="lunch", topic="general")
        messages = [f"{turn}番目の話です" for turn in range(5)]
        for message in messages:
            self.post("/api/chat", "response", message=message)
        history = self.post("/api/conversation_history", "history", type="chat") or []
        said = [entry.get("human") for entry in history if entry.get("human")]
        if said[-5:] != messages:
            self.environment.events.request.fire(
                request_type="CHECK",
                name="the history holds what was said",
                response_time=0,
                response_length=0,
                exception=AssertionError(f"said {messages}, kept {said}"),
                context={},
            )


class RolePlay(Journey):
    """A scenario from the list, opened and answered."""

    weight = 2

    @task
    def play(self) -> None:
        """Choose, open, answer twice, leave."""
        groups = self.client.get("/api/categorized_scenarios").json()
        scenario = groups["regular_communication"][0]["id"]
        for message in ("", "確認してから報告します", "ありがとうございます"):
            self.post("/api/scenario_chat", "response", scenario_id=scenario, message=message)
        self.post("/api/scenario_clear", "status", scenario_id=scenario)


class Watching(Journey):
    """Two partners talk, the user looks on."""

    weight = 1

    @task
    def look_on(self) -> None:
        """Start, and ask for three more lines."""
        models = [model["id"] for model in self.client.get("/api/models").json()["models"]]
        chosen = {"model_a": models[0], "model_b": models[-1]}
        self.post(
            "/api/watch/start", "message", **chosen, partner_type="senior", situation="break", topic="hobby"
        )
        for _ in range(3):
            self.post("/api/watch/next", "message")
