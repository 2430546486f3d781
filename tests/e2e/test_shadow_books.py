"""The shadow's books add up in every scrape, whoever is killed; the sample is lowered under pressure; a
poisonous pair costs one pair."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.between import Application, Asked, Between, Says, between, unbalanced
from tests.support.ports import wait_until

JSON = (("Content-Type", "application/json"),)
HONOURED = ("Banyan-Shadow", "honoured")


def plain(_: Asked) -> Says:
    return Says(b'{"a": 1}')


def slow(seconds: float) -> Application:
    def application(_: Asked) -> Says:
        time.sleep(seconds)
        return Says(b'{"a": 1}')

    return application


@contextmanager
def load(gateway: Between, sessions: int = 40) -> Iterator[None]:
    """Four clients that never stop asking, until the block ends."""
    stop = threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=10) as client:
            while not stop.is_set():
                for session in range(sessions):
                    try:
                        client.get("/orders", headers={"X-User": f"{number}-{session}"})
                    except httpx.HTTPError:
                        time.sleep(0.05)  # a worker was killed
                    if stop.is_set():
                        return

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def test_the_books_balance_in_every_scrape(tmp_path: Path) -> None:
    """Also while the shadow process, a worker, and the control process are killed under load."""
    with between(tmp_path, plain, slow(0.03), shadow="max_in_flight = 8\ncontrol_twice = 0") as gateway:
        with load(gateway):
            scrapes: list[Counter[str]] = []
            for step in range(60):
                scrapes.append(gateway.books())
                if step == 15:
                    gateway.kill("gateway.shadow_process")
                if step == 30:
                    os.kill(gateway.children("gateway.worker")[0], signal.SIGKILL)
                time.sleep(0.05)
        assert [unbalanced(books) for books in scrapes] == [0] * len(scrapes)
        assert max(books["in_flight"] for books in scrapes) > 8
        settled = gateway.settled(30)
        assert unbalanced(settled) == 0
        assert settled["dropped"] > 0, "what the killed ones held"
        assert settled["match"] > 100
        assert settled["mismatch"] == settled["noise"] == 0
        shadow = gateway.report()
        assert shadow["eligible"] == (
            shadow["not_sampled"] + shadow["in_flight"] + shadow["unknown"] + shadow["compared"]
        )
        assert shadow["unknown"] == sum(
            shadow[name] for name in ("dropped", "shadow_error", "shadow_timeout", "undetermined")
        )


def test_under_pressure_fewer_sessions_are_taken_and_that_is_said(tmp_path: Path) -> None:
    """A shadow that cannot follow: the sample goes down and comes up again, no session is compared with a
    state that lacks a request."""
    pace = [0.5]
    turns: Counter[tuple[bool, str]] = Counter()

    def counting(asked: Asked) -> Says:
        """How many requests this session has made: a copy that is left out shows in the next answer."""
        key = (asked.is_shadow, asked.headers.get("x-user", ""))
        turns[key] += 1
        return Says(json.dumps({"turn": turns[key]}).encode(), headers=(*JSON, HONOURED))

    def behind(asked: Asked) -> Says:
        time.sleep(pace[0])
        return counting(asked)

    with between(tmp_path, counting, behind, shadow="max_in_flight = 2\ncontrol_twice = 0") as gateway:
        with load(gateway):
            wait_until(lambda: gateway.report()["sample_percent"] < 50, timeout=20, what="a lower sample")
            pace[0] = 0.0
            lowered = gateway.report()["sample_percent"]
            assert "the sample of sessions is now" in gateway.log()
        settled = gateway.settled(60)
        assert settled["dropped"] + settled["not_sampled"] > 0
        wait_until(lambda: gateway.report()["sample_percent"] > lowered, 30, "a higher sample")
        with load(gateway):
            time.sleep(2)
        settled = gateway.settled(60)
        assert unbalanced(settled) == 0
        assert settled["mismatch"] == 0, "no session may be held against a state that lacks a request"
        assert settled["undetermined"] > 0, "sessions that were out for a while"
        assert settled["match"] > 0


def deep(levels: int) -> bytes:
    return b"[" * levels + b"1" + b"]" * levels


POISON: dict[str, tuple[bytes, bytes, str]] = {
    "deep": (deep(100_000), deep(99_999), "application/json"),
    "deep on one side": (deep(300), b"[]", "application/json"),
    "repeated keys": (b'{"a": 1, "a": 2}', b'{"a": 2}', "application/json"),
    "NaN": (b'{"a": NaN}', b'{"a": 1}', "application/json"),
    "long number": (b"9" * 100_000, b"8" * 100_000, "application/json"),
    "larger than the copy": (
        b'["' + b"x" * 3_000_000 + b'"]',
        b'["' + b"y" * 3_000_000 + b'"]',
        "application/json",
    ),
    "many differences": (
        json.dumps([{"k": n} for n in range(40_000)]).encode(),
        json.dumps([{"k": str(n)} for n in range(40_000)]).encode(),
        "application/json",
    ),
    "tags without end": (b"<" * 400_000, b"<a " * 200_000, "text/html"),
    "attributes without end": (b"<a " + b"b=c " * 200_000, b"<a " + b"b='c " * 200_000, "text/html"),
    "no UTF-8": (b"\xff\xfe" * 1000, b"\xff\xfd" * 1000, "text/plain"),
    "events without end": (
        b"data: x\n" * 100_000 + b"\n",
        b"data: y\n" * 100_000 + b"\n",
        "text/event-stream",
    ),
    "a bomb": (gzip.compress(b"0" * 200_000_000, 9), gzip.compress(b"1" * 200_000_000, 9), "gzip"),
    "no gzip": (b"\x1f\x8bnonsense", b"\x1f\x8bother", "gzip"),
}


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    """A gateway whose two sides say what a row of the table says."""

    def side(number: int) -> Application:
        def application(asked: Asked) -> Says:
            row = POISON.get(asked.headers.get("x-row", ""))
            if row is None:
                return Says(b'{"a": 1}')
            kind = row[2]
            coding = (("Content-Encoding", "gzip"),) if kind == "gzip" else ()
            media = "application/json" if kind == "gzip" else kind
            return Says(row[:2][number], headers=(("Content-Type", media), *coding))

        return application

    with between(tmp_path_factory.mktemp("poison"), side(0), side(1), shadow="control_twice = 0") as gateway:
        yield gateway


@pytest.mark.parametrize("row", POISON)
def test_a_poisonous_pair_costs_one_pair(poisoned: Between, row: str) -> None:
    """It is counted, the process is the same one as before, and the next pair is compared as ever."""
    before, pids = poisoned.settled(), poisoned.children("gateway.shadow_process")
    with httpx.Client(base_url=poisoned.url, trust_env=False, timeout=20) as client:
        for headers in ({"X-User": "a", "X-Row": row}, {"X-User": "a"}):
            with client.stream("GET", "/orders", headers=headers) as answer:
                sum(map(len, answer.iter_raw()))
    after = poisoned.settled(eligible=before["eligible"] + 2)
    change = after - before
    assert unbalanced(after) == 0
    assert change["eligible"] == 2
    assert change["match"] == 1, change
    assert change["mismatch"] + change["undetermined"] == 1, change
    assert poisoned.children("gateway.shadow_process") == pids
