"""Conversations in the two reference applications, as the shadow follows them: two tabs of one session, users
that take turns, and what is left when all that was known of a session is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import httpx

from tests.e2e.between import PATIENCE
from tests.e2e.migration import Migration, eventually

MODEL = "gemini/gemini-1.5-flash"
SCENE = {"partner_type": "boss", "situation": "morning", "topic": "work", "model": MODEL}

TRIES = 8


class Tab:
    """One tab of a browser: a connection and a CSRF token of its own, the cookies of its browser."""

    def __init__(self, url: str, cookies: httpx.Cookies) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE)
        self._cookies = cookies
        self._token = ""
        self.asked = 0

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer, which has to be a good one."""
        self._client.cookies = self._cookies
        headers = {"X-CSRF-Token": self._token} if self._token else {}
        answer = self._client.request(method, path, json=body, headers=headers)
        self._cookies.update(self._client.cookies)
        self.asked += 1
        assert answer.status_code == 200, answer.text
        return answer.json()

    def open(self) -> None:
        """Load the page."""
        self._token = self.ask("GET", "/api/csrf-token")["csrf_token"]

    def say(self, text: str) -> str:
        """One turn."""
        answer: str = self.ask("POST", "/api/chat", {"message": text, "model": MODEL})["response"]
        return answer


def books(migration: Migration) -> dict[str, int]:
    numbers: dict[str, int] = migration.banyan("report", migration.feature).data["shadow"]
    return numbers


def settled(migration: Migration, eligible: int) -> dict[str, int]:
    def look() -> dict[str, int] | None:
        now = books(migration)
        return now if now["eligible"] >= eligible and not now["in_flight"] else None

    found = eventually(look, 60)
    assert found, books(migration)
    return found


def change(migration: Migration, before: dict[str, int], asked: int) -> dict[str, int]:
    """What became of so many requests. There is no mismatch among them, ever."""
    now = settled(migration, before["eligible"] + asked)
    found = {word: now[word] - before[word] for word in ("compared", "mismatch", "undetermined", "dropped")}
    assert found["mismatch"] == 0, migration.banyan("diffs", migration.feature).data
    return found


def all_compared(migration: Migration, converse: Callable[[Migration], int]) -> None:
    """Of what this asks everything is compared. On a busy machine a copy may be late, and what follows is not
    compared: then others say the same.
    """
    found: list[dict[str, int]] = []
    for _ in range(TRIES):
        before = books(migration)
        asked = converse(migration)
        found.append(change(migration, before, asked))
        if found[-1] == {"compared": asked, "mismatch": 0, "undetermined": 0, "dropped": 0}:
            return
    raise AssertionError(found)


def test_two_tabs_of_one_session_and_another_user_between_their_turns(migration: Migration) -> None:
    """Each tab has a token of its own on each side, all share what was said: every turn is compared."""
    all_compared(migration, two_tabs_and_another_user)
    assert migration.banyan("diffs", migration.feature).data == []


def two_tabs_and_another_user(migration: Migration) -> int:
    """The conversations → how often was asked."""
    ann, bob = httpx.Cookies(), httpx.Cookies()
    first, second, other = (Tab(migration.url, jar) for jar in (ann, ann, bob))
    for tab in (first, second, other):
        tab.open()
    first.ask("POST", "/api/start_chat", SCENE)
    other.ask("POST", "/api/start_chat", SCENE)
    for turn in range(4):
        for tab in (first, other, second):
            tab.say(f"お昼に行きました {turn}")
    second.open()
    first.say("また明日")
    history = second.ask("POST", "/api/conversation_history", {"type": "chat"})["history"]
    assert len(history) >= 9, "both tabs spoke in one conversation"
    return sum(tab.asked for tab in (first, second, other))


def test_what_is_lost_is_missed_and_the_next_session_is_compared_again(migration: Migration) -> None:
    """All shadow processes die in the middle of a conversation; its answers are no mismatch afterwards, and a
    conversation that begins then is compared to its end."""
    start = books(migration)
    tab = Tab(migration.url, httpx.Cookies())
    tab.open()
    tab.ask("POST", "/api/start_chat", SCENE)
    tab.say("おはようございます")
    settled(migration, start["eligible"] + tab.asked)
    died = migration.child_pids("gateway.shadow_process")
    for pid in died:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: set(migration.child_pids("gateway.shadow_process")) - set(died), 30)

    def goes_on() -> bool:
        """Some of it may be dropped, while nobody is there yet to take it."""
        known = books(migration)
        for turn in range(3):
            tab.say(f"続けます {turn}")
        return change(migration, known, 3)["undetermined"] > 0

    assert eventually(goes_on), books(migration)
    all_compared(migration, a_conversation)


def a_conversation(migration: Migration) -> int:
    """One of somebody new, from its beginning → how often was asked."""
    afresh = Tab(migration.url, httpx.Cookies())
    afresh.open()
    afresh.ask("POST", "/api/start_chat", SCENE)
    for turn in range(3):
        afresh.say(f"はじめまして {turn}")
    return afresh.asked
