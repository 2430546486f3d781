"""What was lost in a shared Redis makes no mismatch of whoever comes afterwards: whoever shows a user's name,
and no cookie, is not known to be new."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from itertools import count
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.e2e.between import JSON, PATIENCE, Application, Asked, Says, between, unbalanced
from tests.support.ports import wait_until
from tests.support.redis import RedisServer


def counting() -> Application:
    """An application that counts each user's writes; copies count for themselves."""
    written: Counter[tuple[str, bool]] = Counter()

    def application(asked: Asked) -> Says:
        user = asked.headers.get("x-user", ""), asked.is_shadow
        written[user] += asked.method == "POST"
        return Says(json.dumps({"n": written[user]}).encode(), headers=(*JSON, ("Banyan-Shadow", "honoured")))

    return application


def test_who_wrote_before_the_loss_is_no_mismatch_after_it(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shadow process that might have known is another one by then, and has nothing but the word that
    something was lost."""
    monkeypatch.setenv("BANYAN_STATE__REDIS_URL", redis_server.url)
    redis = Redis.from_url(redis_server.url)
    ann = {"X-User": "ann"}
    with (
        between(tmp_path, counting(), counting(), shadow="control_twice = 0", workers=1) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=PATIENCE) as client,
    ):
        asked = count(1)

        def looks(**headers: str) -> Counter[str]:
            """A visitor → the books once that has ended."""
            client.cookies.clear()
            client.get("/count", headers=headers)
            return gateway.settled(60, next(asked))

        # A busy machine leaves some uncompared: then asked again.
        wait_until(lambda: looks(**{"X-User": "bob"})["match"] == 1, 60, "a visitor of before")
        known = gateway.books()
        before = gateway.children("gateway.shadow_process")
        for pid in before:
            os.kill(pid, signal.SIGSTOP)
        client.post("/add", headers=ann)
        wait_until(lambda: any(redis.xlen(key) for key in redis.scan_iter("*:stream:*")), 60, "the write")
        redis.flushall()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        dropped = gateway.settled(60, next(asked))["dropped"]
        assert dropped == known["dropped"] + 1
        wait_until(lambda: looks(**ann)["undetermined"] > known["undetermined"], 60, "her to be asked for")
        assert gateway.books()["mismatch"] == 0
        wait_until(lambda: looks()["match"] == 2, 60, "a visitor whom the gateway gave a key, who is new")
        books = gateway.books()
        assert (books["mismatch"], books["match"], unbalanced(books)) == (0, 2, 0), books
