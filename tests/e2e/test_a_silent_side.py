"""A side that takes copies and answers none: it is not given every one of them, the books stay exact, and
comparing goes on when it answers again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from gateway.shadowing.silence import IN_A_ROW
from tests.e2e.between import PATIENCE, Asked, Between, Says, between, unbalanced
from tests.support.ports import wait_until

AT_ONCE = 2 * IN_A_ROW
"""More than it takes: a busy machine sends no copy of some."""
DEADLINE = 1.0
"""Seconds that a copy may take."""
ENOUGH = 50
"""So many copies have to end as timeouts, or nothing was seen."""
SETTINGS = f'control_twice = 0\ndeadline = "{DEADLINE:g}s"'


class Silent:
    """Answers nobody until ``answers`` is set. ``asked``: for which users it was."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked: list[str] = []

    def __call__(self, asked: Asked) -> Says:
        self.asked.append(asked.headers["x-user"])
        self.answers.wait(600)
        return Says()


class Users:
    """Who ask, each once; ``asked``: how many did."""

    def __init__(self, gateway: Between) -> None:
        self._gateway = gateway
        self.asked = 0

    def ask(self, times: int, group: str) -> Counter[str]:
        """So many of a group → the books when all of it has ended."""
        with httpx.Client(base_url=self._gateway.url, trust_env=False, timeout=PATIENCE) as client:
            for _ in range(times):
                self.asked += 1
                user = {"X-User": f"{group}-{self.asked}"}
                assert client.get("/api/orders", headers=user).status_code == 200
        return self._gateway.settled(eligible=self.asked)


def test_a_side_that_answers_nothing_is_not_sent_every_copy(tmp_path: Path) -> None:
    new = Silent()
    with between(tmp_path, lambda _: Says(), new, shadow=SETTINGS) as gateway:
        users = Users(gateway)

        def silent() -> bool:
            users.ask(AT_ONCE, "before")
            return "answered none of the last 64 copies" in gateway.log()

        try:
            wait_until(silent, 60, "the silence")
            before = books = gateway.books()
            began = time.monotonic()
            while books["shadow_timeout"] - before["shadow_timeout"] < ENOUGH:
                assert time.monotonic() - began < 120, books
                books = users.ask(ENOUGH, "after")
            one_at_a_time = 1 + (time.monotonic() - began) / DEADLINE
            sent = sum(user.startswith("after") for user in new.asked)
            assert sent <= one_at_a_time, books
            assert books["match"] == books["mismatch"] == unbalanced(books) == 0, books
        finally:
            new.answers.set()
        wait_until(lambda: users.ask(1, "again")["match"] > 0, 60, "comparing to go on")
        assert "answers copies again" in gateway.log()
