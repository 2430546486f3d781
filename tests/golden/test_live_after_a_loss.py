"""A session is held to its recordings while all that it did is known: not after something of it may have been
lost, nor after it was left out."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from redis import Redis

from gateway.capture import sample_position
from golden import Flow, record
from tests.e2e.between import JSON, Application, Asked, Between, Says, between, serving
from tests.e2e.test_shadow_books import load
from tests.golden.test_live import MakeFlow
from tests.support.ports import wait_until
from tests.support.redis import RedisServer

FIRST_LOOK = """
[[step]]
name = "look"
path = "/count"
[[step]]
name = "write"
method = "POST"
path = "/add"
"""
SETTINGS = """control_twice = 0
{shadow}
[golden]
dir = "{goldens}"
"""


Written = Counter[tuple[str, bool]]


def counting(pace: list[float], written: Written) -> Application:
    """An application that counts each user's writes in ``written``; copies count for themselves. ``pace``:
    seconds that a copy takes."""

    def application(asked: Asked) -> Says:
        if asked.is_shadow:
            time.sleep(pace[0])
        user = asked.headers.get("x-user", ""), asked.is_shadow
        written[user] += asked.method == "POST"
        return Says(json.dumps({"n": written[user]}).encode(), headers=(*JSON, ("Banyan-Shadow", "honoured")))

    return application


@pytest.fixture
def goldens(tmp_path: Path, flow: MakeFlow) -> Path:
    """The recording of a session that looks, and then writes."""
    look: Flow = flow(FIRST_LOOK)
    with serving(counting([0.0], Counter())) as port:
        record([look], f"http://127.0.0.1:{port}", tmp_path / "goldens")
    return tmp_path / "goldens"


def held(gateway: Between) -> Counter[str]:
    """Live answers that were held to a recording so far, by verdict."""
    found: Counter[str] = Counter()
    for (_, _, verdict), times in gateway.metrics().get("banyan_golden_live_total", {}).items():
        found[verdict] += int(times)
    return found


def held_by_now(gateway: Between, **verdicts: int) -> None:
    """What a shadow process has counted is in the metrics a moment later."""
    wait_until(lambda: held(gateway) == verdicts, 60, f"{verdicts}")


def until_a_visitor_is_held(gateway: Between) -> None:
    """Visitors come who begin here, until one is held to the recording: not in the very moment of a loss."""
    before = held(gateway)["match"]

    def is_held() -> bool:
        httpx.get(f"{gateway.url}/count", trust_env=False, timeout=60)
        gateway.settled(60)
        return held(gateway)["match"] > before

    wait_until(is_held, 120, "a visitor who is held to the recording")


def test_not_after_something_was_lost_that_may_have_been_of_any_session(
    tmp_path: Path, goldens: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANYAN_STATE__REDIS_URL", redis_server.url)
    written: Written = Counter()
    shadow, side = SETTINGS.format(shadow="", goldens=goldens), counting([0.0], written)
    with (
        between(tmp_path, side, side, shadow=shadow) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=60) as client,
    ):
        client.get("/count", headers={"X-User": "ann"})
        gateway.settled(60, 1)
        held_by_now(gateway, match=2)
        redis = Redis.from_url(redis_server.url)
        stream = next(redis.scan_iter("*:stream:*"))
        written.update([("ann", False), ("ann", True)])
        redis.xadd(stream, {"o": "origin", "f": "orders", "d": b"    that write of Ann, say", "m": "0"})
        wait_until(lambda: "is not an exchange" in gateway.log(), 60, "the loss")
        answer = client.get("/count", headers={"X-User": "ann"})
        assert answer.json() == {"n": 1}, "what was recorded"
        gateway.settled(60, 2)
        until_a_visitor_is_held(gateway)
        assert not held(gateway)["mismatch"]


def test_not_after_it_was_left_out_under_pressure(tmp_path: Path, goldens: Path) -> None:
    """What Ann writes meanwhile nobody sees, and her next look is no first one."""
    ann = {"X-User": next(name for n in range(1000) if sample_position(name := f"ann-{n}") >= 9000)}
    pace = [0.0]
    shadow = SETTINGS.format(shadow="max_in_flight = 2", goldens=goldens)
    with (
        between(tmp_path, counting([0.0], Counter()), counting(pace, Counter()), shadow=shadow) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=60) as client,
    ):
        client.get("/count", headers=ann)
        gateway.settled(60, 1)
        held_by_now(gateway, match=2)
        pace[0] = 0.5
        with load(gateway):
            wait_until(lambda: gateway.report()["sample_percent"] < 50, 120, "a lower sample")
            client.post("/add", headers=ann)
            pace[0] = 0.0
        wait_until(lambda: gateway.report()["sample_percent"] == 100, 240, "the whole sample")
        eligible = gateway.settled(60)["eligible"]
        assert client.get("/count", headers=ann).json() == {"n": 1}, "not what was recorded"
        gateway.settled(60, eligible + 1)
        until_a_visitor_is_held(gateway)
        assert not held(gateway)["mismatch"]  # of those who came meanwhile some copies may have been late
