"""The same planted secrets where the shadow's work goes over a shared Redis, where the new side fails and
legacy is asked instead, and where processes crash: every word that Redis was ever told, every file, log, page
and metric."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e import between as rig
from tests.e2e import test_planted_secrets as planted
from tests.e2e.between import PATIENCE, Asked, Between, Says, between
from tests.support.ports import LOOPBACK, wait_until
from tests.support.redis import RedisServer

CONTROL = "in the open on purpose"


class Watched:
    """All that a Redis is told while it runs, as its own MONITOR shows it."""

    def __init__(self, port: int) -> None:
        self._line = socket.create_connection((LOOPBACK, port))
        self._line.sendall(b"MONITOR\r\n")
        assert self._line.recv(5) == b"+OK\r\n"
        self.heard = bytearray()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while more := self._line.recv(1 << 20):
            self.heard += more

    def close(self) -> None:
        """Listen no more."""
        self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._line.close()


@contextmanager
def watching(server: RedisServer) -> Iterator[Watched]:
    watched = Watched(server.port)
    try:
        yield watched
    finally:
        watched.close()


def new(asked: Asked) -> Says:
    """A side that hangs up on every third, so that legacy has to answer."""
    if asked.headers.get("x-kind") == "dead" and not asked.is_shadow:
        return Says(hang_up=True)
    return planted.answer_of("new", asked)


def leaks(secrets: dict[str, str], name: str, text: bytes) -> set[tuple[str, str]]:
    return {(where, name) for secret, where in secrets.items() if planted.found_in(text, secret)}


def test_none_is_found_in_redis_nor_after_a_fallback_nor_after_a_crash(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANYAN_STATE__REDIS_URL", redis_server.url)
    monkeypatch.setenv("BANYAN_SHADOW__STORE", "redis")
    monkeypatch.setenv("BANYAN_SHADOW__STREAM_KEY_ENV", "STREAM_KEY")
    monkeypatch.setenv("STREAM_KEY", "ab" * 32)
    monkeypatch.setattr(rig, "CONFIG", rig.CONFIG.replace('fallback = "off"', 'fallback = "safe"'))
    with (
        watching(redis_server) as watched,
        between(
            tmp_path,
            lambda asked: planted.answer_of("legacy", asked),
            new,
            shadow='control_twice = 100\nrules = "rules.toml"',
            percent=100,
        ) as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=PATIENCE) as client,
    ):
        for _ in range(2):
            planted.requests(client)
            for _ in range(3):
                token = planted.plant("authorization, then a fallback")
                answer = client.get(
                    f"/api/orders?token={planted.plant('query, then a fallback')}",
                    headers={"X-Kind": "dead", "Authorization": f"Bearer {token}"},
                )
                assert answer.status_code == 200
            client.post("/api/login", json={"password": planted.plant("JSON body")})
        gateway.settled()
        wait_until(lambda: len(planted.sampled(gateway)) > 3, 60, "samples, which follow the counts")
        assert any(gateway.metrics()["banyan_fallbacks_total"].values())
        crash(gateway)
        client.get("/after", headers={"Authorization": f"Bearer {planted.plant('after a crash')}"})
        secrets = dict(planted.plant.where)
        found: set[tuple[str, str]] = set()
        looked = 0
        for name, text in planted.everything(gateway):
            found |= leaks(secrets, name, text)
            looked += 1
        told = bytes(watched.heard)
    assert not found, sorted(found)[:20]
    assert looked > 30
    assert b"banyan:stream" in told or b"banyan" in told
    assert len(told) > 20_000, "nothing went over Redis"
    assert not leaks(secrets, "Redis", told), sorted(leaks(secrets, "Redis", told))[:20]


def crash(gateway: Between) -> None:
    """A worker and a shadow process end as a bug in C ends them; others come in their place."""
    for kind in ("gateway.shadow_process", "gateway.worker"):
        before = gateway.children(kind)
        os.kill(before[0], signal.SIGABRT)
        wait_until(lambda: len(set(gateway.children(kind)) - set(before)) == 1, 60, "another")  # noqa: B023 - called before the loop goes on
    with httpx.Client(base_url=gateway.admin, trust_env=False, timeout=PATIENCE) as admin:
        wait_until(lambda: admin.get("/readyz").status_code == 200, 60, "all up")


def test_what_redis_is_told_in_the_open_is_heard(redis_server: RedisServer) -> None:
    """Else the other test would prove nothing."""
    with (
        watching(redis_server) as watched,
        socket.create_connection((LOOPBACK, redis_server.port)) as line,
    ):
        line.sendall(b"ECHO " + CONTROL.encode().replace(b" ", b"_") + b"\r\n")
        wait_until(lambda: b"in_the_open" in watched.heard, 60, "the word")
    assert leaks({CONTROL.replace(" ", "_"): "here"}, "Redis", bytes(watched.heard))
