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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.attempts import WAIT, Attempts
from tests.e2e.between import Application, Asked, Between, Says, between, unbalanced
from tests.support.ports import wait_until

JSON = (("Content-Type", "application/json"),)
HONOURED = ("Banyan-Shadow", "honoured")


def plain(_: Asked) -> Says:
    return Says(b'{"a": 1}')


def slow(seconds: list[float]) -> Application:
    """One that takes the last of these, which may be changed meanwhile."""

    def application(_: Asked) -> Says:
        time.sleep(seconds[-1])
        return Says(b'{"a": 1}')

    return application


@contextmanager
def load(gateway: Between, sessions: int = 40) -> Iterator[None]:
    """Four clients that never stop asking, until the block ends."""
    stop = threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:
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
            thread.join(WAIT)


def kill_the_shadow(gateway: Between) -> None:
    gateway.kill("gateway.shadow_process")


def kill_a_worker(gateway: Between) -> None:
    os.kill(gateway.children("gateway.worker")[0], signal.SIGKILL)


def test_the_books_balance_in_every_scrape(tmp_path: Path) -> None:
    """Also while the shadow process, a worker, and the control process are killed under load."""
    pace = [0.25]  # less than any machine asks
    with between(tmp_path, plain, slow(pace), shadow="max_in_flight = 8\ncontrol_twice = 0") as gateway:
        scrapes: list[Counter[str]] = []

        def scraped_until(enough: Callable[[Counter[str]], bool], what: str) -> None:
            def look() -> bool:
                scrapes.append(gateway.books())
                time.sleep(0.05)
                return enough(scrapes[-1])

            wait_until(look, WAIT, what)

        with load(gateway):
            for kill in (kill_the_shadow, kill_a_worker):
                scraped_until(lambda books: books["in_flight"] > 8, "more than are sent at once")
                kill(gateway)
                before = len(scrapes)
                scraped_until(lambda _: len(scrapes) == before + 15, "scrapes while it is replaced")  # noqa: B023 - called before the loop goes on
            pace.append(0.03)
            scraped_until(lambda books: books["match"] > 100, "pairs that were compared")
        assert [unbalanced(books) for books in scrapes] == [0] * len(scrapes)
        settled = gateway.settled(WAIT)
        assert unbalanced(settled) == 0
        assert settled["dropped"] > 0, "what the killed ones held"
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
        lowered = 100.0

        def is_lowered() -> bool:
            nonlocal lowered
            lowered = float(gateway.report()["sample_percent"])
            return lowered < 50

        def left_out(books: Counter[str]) -> int:
            return books["dropped"] + books["not_sampled"]

        with load(gateway):
            wait_until(is_lowered, WAIT, "a lower sample")
            wait_until(lambda: "the sample of sessions is now" in gateway.log(), WAIT, "the word of it")
            wait_until(lambda: left_out(gateway.books()) > 0, WAIT, "sessions that are left out")
            pace[0] = 0.0
        gateway.settled(2 * WAIT)
        wait_until(lambda: gateway.report()["sample_percent"] > lowered, WAIT, "a higher sample")

        def came_back() -> bool:
            books = gateway.books()
            return books["undetermined"] > 0 and books["match"] > 0

        with load(gateway):
            wait_until(came_back, WAIT, "sessions that were out for a while, and others")
        settled = gateway.settled(2 * WAIT)
        assert unbalanced(settled) == 0
        assert settled["mismatch"] == 0, "no session may be held against a state that lacks a request"


FLOOD = """control_twice = 0
max_in_flight = 1
[[feature]]
name = "flood"
match = ["/flood"]
shadow = { percent = 100, writes = "isolated" }
"""


def test_a_user_who_floods_pushes_out_nobody_else(tmp_path: Path) -> None:
    """One session fills all the room there is; the others' copies find room, and none of them is dropped."""
    pace = [0.25]  # less than any machine asks

    def verdicts(feature: str, verdict: str) -> float:
        return gateway.metrics().get("banyan_shadow_total", {}).get((feature, verdict), 0)

    with between(tmp_path, plain, slow(pace), shadow=FLOOD) as gateway:
        asked = 0
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:

            def floods() -> bool:
                nonlocal asked
                for _ in range(50):
                    client.get("/flood", headers={"X-User": "greedy"})
                asked += 50
                return verdicts("flood", "dropped") > 50

            wait_until(floods, WAIT, "no more room")
            for number in range(30):
                client.get("/orders", headers={"X-User": f"calm-{number}"})
        pace.append(0.0)
        assert unbalanced(gateway.settled(2 * WAIT, eligible=asked + 30)) == 0
        assert verdicts("orders", "dropped") == 0
        assert verdicts("orders", "match") > 0


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
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attempts]:
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
        yield Attempts(gateway)


@pytest.mark.parametrize("row", POISON)
def test_a_poisonous_pair_costs_one_pair(poisoned: Attempts, row: str) -> None:
    """It is counted, the process is the same one as before, and the next pair is compared as ever."""
    gateway = poisoned.gateway
    pids = gateway.children("gateway.shadow_process")

    def attempt(user: str) -> None:
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:
            for headers in ({"X-User": user, "X-Row": row}, {"X-User": user}):
                with client.stream("GET", "/orders", headers=headers) as answer:
                    sum(map(len, answer.iter_raw()))

    poisoned.until(attempt, {"match": 1, "mismatch": 1}, {"match": 1, "undetermined": 1})
    assert gateway.children("gateway.shadow_process") == pids


def test_ten_megabytes_are_compared_where_copies_may_be_so_long(tmp_path: Path) -> None:
    """One leaf of 10 MB of JSON differs, and is named; the same value in another spelling is a match."""
    items = [{"id": number, "name": f"item number {number}", "price": 1.5} for number in range(170_000)]
    ours = json.dumps(items, sort_keys=True).encode()
    theirs = {"same": json.dumps(items, separators=(",", ":")).encode()}
    items[99_999]["price"] = 2.5
    theirs["other"] = json.dumps(items).encode()
    assert min(map(len, (ours, *theirs.values()))) > 8_000_000

    def new(asked: Asked) -> Says:
        return Says(theirs[asked.headers["x-row"]])

    with between(
        tmp_path, lambda _: Says(ours), new, shadow='control_twice = 0\nmax_body = "16 MiB"'
    ) as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:
                for requests, row in enumerate(("same", "other"), 1):
                    answer = client.get("/items", headers={"X-User": f"{user} {row}", "X-Row": row})
                    assert len(answer.content) == len(ours)
                    attempts.settled(requests)  # two at once may be more than the queue holds

        attempts.until(attempt, {"match": 1, "mismatch": 1})
        wait_until(lambda: gateway.banyan("diffs").data, WAIT, "the finding")
        (found,) = gateway.banyan("diffs").data
        assert (found["path"], found["kind"]) == ("body[*].price", "value_changed")
