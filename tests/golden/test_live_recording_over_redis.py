"""Sessions recorded live while the shadow's work goes over a shared Redis, and something is lost there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from redis import Redis

from tests.e2e.between import JSON, Asked, Says, between
from tests.support.ports import wait_until
from tests.support.redis import RedisServer
from tests.support.spawn import ROOT


def side(asked: Asked) -> Says:
    return Says(json.dumps({"path": asked.target}).encode(), headers=(*JSON, ("Banyan-Shadow", "honoured")))


def test_a_session_that_may_lack_a_request_is_not_recorded(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry in Redis that nobody can read may have been of any session that had begun by then."""
    monkeypatch.setenv("BANYAN_STATE__REDIS_URL", redis_server.url)
    recordings = tmp_path / "recordings"
    with (
        between(tmp_path, side, side) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=60) as client,
    ):
        command = [sys.executable, "-m", "gateway", "-c", str(gateway.config), "--json", "golden", "record"]
        command += ["--live", "orders", "--dir", str(recordings), "--seconds", "180", "--idle", "3"]
        recording = subprocess.Popen(
            [*command, "--sessions", "1"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_until(lambda: "recording sessions of orders" in gateway.log(), 60, "the recording")
            client.get("/began/before", headers={"X-User": "before"})
            gateway.settled(60, 1)
            redis = Redis.from_url(redis_server.url)
            stream = next(redis.scan_iter("*:stream:*"))
            redis.xadd(stream, {"o": "origin", "f": "orders", "d": b"    nothing a worker wrote", "m": "0"})
            wait_until(lambda: "is not an exchange" in gateway.log(), 60, "the loss")
            client.get("/after/the/loss", headers={"X-User": "before"})
            gateway.settled(60, 2)
            wait_until(lambda: left_out(gateway.folder) == 1, 60, "the end of the first session")
            client.get("/began/afterwards")  # by a visitor whom the gateway gives a key
            said = json.loads(recording.communicate(timeout=300)[0])
        finally:
            recording.kill()
            recording.wait()
    assert len(said["written"]) == 1, said
    text = "".join(file.read_text() for file in recordings.glob("*/*.json"))
    assert re.findall(r"/began/\w+|/after/the/loss", text)[:1] == ["/began/afterwards"]
    assert "/began/before" not in text


def left_out(folder: Path) -> int:
    """Sessions that were not recorded so far."""
    found = [json.loads(one.read_text()) for one in (folder / "state/golden-live").glob("shadow-*.json")]
    return sum(sum(one["left_out"].values()) for one in found)
