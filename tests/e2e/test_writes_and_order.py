"""What is not known to have happened in order is no mismatch: reads beside writes, whichever worker has
which, however late it says so, and after the process that knew the session has died."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.attempts import WAIT, Attempts
from tests.e2e.between import JSON, Application, Asked, Between, Says, between
from tests.support.ports import wait_until

HONOURED = ("Banyan-Shadow", "honoured")


def counting(writes: Counter[tuple[str, bool]], may_end: threading.Event | None = None) -> Application:
    """Says how often the user wrote to it; the primary's answer to a write waits until it ``may_end``."""

    def application(asked: Asked) -> Says:
        user = asked.headers.get("x-user", ""), asked.is_shadow
        if asked.method == "POST":
            writes[user] += 1
            if not asked.is_shadow and may_end is not None:
                may_end.wait(WAIT)
        return Says(json.dumps({"writes": writes[user]}).encode(), headers=(*JSON, HONOURED))

    return application


def test_a_read_that_overlaps_with_a_write_is_no_mismatch(tmp_path: Path) -> None:
    """The read ends before the write it has seen the effect of, so its copy comes first and sees nothing."""
    writes: Counter[tuple[str, bool]] = Counter()
    may_end = threading.Event()
    side = counting(writes, may_end)
    with (
        between(tmp_path, side, side, shadow="control_twice = 0") as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client,
    ):
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            ann = {"X-User": user}
            may_end.clear()
            client.get("/orders", headers=ann)
            attempts.settled(1)
            write = threading.Thread(
                target=httpx.post,
                args=(f"{gateway.url}/orders",),
                kwargs={"headers": ann, "timeout": 2 * WAIT, "trust_env": False},
            )
            write.start()
            wait_until(lambda: writes[user, False] == 1, WAIT, "the write at work")
            assert client.get("/orders", headers=ann).json() == {"writes": 1}
            ended = attempts.asked + 2
            wait_until(lambda: have_ended(gateway.books()) == ended, WAIT, "the verdict on the read")
            may_end.set()
            write.join()
            assert client.get("/orders", headers=ann).json() == {"writes": 1}

        attempts.until(attempt, {"match": 3, "undetermined": 1})


def have_ended(books: Counter[str]) -> int:
    """How many exchanges wait for nothing any more."""
    return books["eligible"] - books["in_flight"]


def worker_of(gateway: Between, answer: httpx.Response) -> int:
    """The worker that holds the connection over which this answer came."""
    port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
    line = re.compile(
        rf"^ *\d+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:{port:04X} 01(?: +\S+){{5}} +(\d+)", re.MULTILINE
    )
    found = line.search(Path("/proc/net/tcp").read_text())
    assert found, port
    for pid in gateway.children("gateway.worker"):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if entry.readlink().name == f"socket:[{found[1]}]":
                    return pid
            except OSError:
                continue
    raise AssertionError("no worker holds the connection")


def test_a_write_of_which_a_worker_says_nothing_for_long_is_known_in_time(tmp_path: Path) -> None:
    """The worker that sent it is held up before it can say so, longer than any exchange is held back: what
    the other one hands over meanwhile waits until it has spoken."""
    writes: Counter[tuple[str, bool]] = Counter()
    stopped: list[int] = []
    count = counting(writes)

    def side(asked: Asked) -> Says:
        said = count(asked)
        if asked.method == "POST" and not asked.is_shadow:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
        return said

    with between(tmp_path, side, side, shadow="control_twice = 0") as gateway:
        clients = [httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) for _ in range(20)]
        name = {"X-User": "nobody"}
        by_worker = {worker_of(gateway, client.get("/orders", headers=name)): client for client in clients}
        assert len(by_worker) == 2
        attempts = Attempts(gateway)
        attempts.asked = len(clients)
        (writer, writing), (_, reading) = by_worker.items()
        stopped.append(writer)

        def attempt(user: str) -> None:
            ann = {"X-User": user}
            assert reading.get("/orders", headers=ann).json() == {"writes": 0}
            attempts.settled(1)
            write = threading.Thread(target=partial(writing.post, "/orders", headers=ann))
            try:
                write.start()
                wait_until(lambda: writes[user, False] == 1, WAIT, "the write at work")
                assert reading.get("/orders", headers=ann).json() == {"writes": 1}
                time.sleep(0.5)
                assert gateway.books()["mismatch"] == 0
            finally:
                os.kill(writer, signal.SIGCONT)
            write.join()
            attempts.settled(3)
            assert reading.get("/orders", headers=ann).json() == {"writes": 1}

        attempts.until(attempt, {"match": 3, "undetermined": 1})
        for client in clients:
            client.close()


def test_a_mismatch_is_called_one_when_all_have_spoken(tmp_path: Path) -> None:
    """With two workers, nobody of whom writes: waiting for their word hides nothing."""

    def new(asked: Asked) -> Says:
        return Says(b'{"writes": 7}', headers=(*JSON, HONOURED))

    with between(tmp_path, counting(Counter()), new, shadow="control_twice = 0") as gateway:

        def attempt(user: str) -> None:
            for _ in range(20):
                httpx.get(f"{gateway.url}/orders", headers={"X-User": user}, trust_env=False, timeout=WAIT)

        Attempts(gateway).until(attempt, {"mismatch": 20})


def test_after_a_shadow_process_has_died_what_it_knew_is_missed_not_made_up(tmp_path: Path) -> None:
    """Users without cookies, known by a header: the numbers of what they made differ between the sides, and
    only the process that died knew which is which."""
    made: Counter[bool] = Counter({True: 500})

    def side(asked: Asked) -> Says:
        if asked.method == "POST":
            made[asked.is_shadow] += 1
            return Says(json.dumps({"id": made[asked.is_shadow]}).encode(), headers=(*JSON, HONOURED))
        if asked.target == "/":
            return Says(headers=(*JSON, HONOURED))
        number = int(asked.target.rpartition("/")[2])
        there = number <= 500 if not asked.is_shadow else number > 500
        status = 200 if there else 404
        return Says(json.dumps({"found": there}).encode(), status=status, headers=(*JSON, HONOURED))

    with (
        between(tmp_path, side, side, shadow="control_twice = 0") as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client,
    ):
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            ann = {"X-User": user}
            number = client.post("/orders", headers=ann).json()["id"]
            assert client.get(f"/orders/{number}", headers=ann).status_code == 200
            attempts.settled(2)
            (process,) = shadows_of(gateway)
            os.kill(process, signal.SIGKILL)
            wait_until(lambda: shadows_of(gateway) not in ([], [process]), WAIT, "another")
            assert client.get(f"/orders/{number}", headers=ann).status_code == 200

        # The numbers themselves are a difference.
        attempts.until(attempt, {"match": 1, "mismatch": 1, "undetermined": 1})


def shadows_of(gateway: Between) -> list[int]:
    """Its shadow processes."""
    return gateway.children("gateway.shadow_process")


@pytest.mark.parametrize("reload", [False, True])
def test_what_a_session_was_only_shown_is_missed_too_when_its_shadow_process_has_ended(
    tmp_path: Path, reload: bool
) -> None:
    """A user without cookies, known by a header, looks at a list; the other side has another number for the
    same thing. Whom the gateway gives a key afterwards is known from the start.
    """

    def side(asked: Asked) -> Says:
        number = 9000 if asked.is_shadow else 100
        if asked.target == "/orders":
            return Says(json.dumps({"orders": [{"id": number}]}).encode())
        status = 200 if asked.target in ("/", f"/orders/{number}") else 404
        return Says(json.dumps({"status": status}).encode(), status=status)

    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nid = "numbers"\nowner = "a"\nexpires = 2099-01-01\nop = "ignore"\n'
        'path = "body.orders[*].id"\n'
    )
    with between(tmp_path, side, side, shadow=f'control_twice = 0\nrules = "{rules}"') as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            def look(headers: dict[str, str], target: str, requests: int) -> None:
                httpx.get(gateway.url + target, headers=headers, trust_env=False, timeout=WAIT)
                attempts.settled(requests)

            ann = {"X-User": user}
            look(ann, "/orders", 1)
            look(ann, "/orders/100", 2)
            (process,) = shadows_of(gateway)
            os.kill(gateway.process.pid if reload else process, signal.SIGHUP if reload else signal.SIGKILL)
            wait_until(lambda: shadows_of(gateway) not in ([], [process]), WAIT, "another")
            look(ann, "/orders/100", 3)
            look({}, "/orders/9", 4)

        attempts.until(attempt, {"accepted": 1, "match": 2, "undetermined": 1})


def test_a_shadow_process_that_hangs_is_replaced_and_the_books_stay_exact(tmp_path: Path) -> None:
    """What it held is dropped; nobody waits for it; the next one goes on."""
    side = counting(Counter())
    with (
        between(tmp_path, side, side, shadow="control_twice = 0") as gateway,
        httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client,
    ):
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            ann = {"X-User": user}
            assert client.get("/orders", headers=ann).status_code == 200
            attempts.settled(1)
            (process,) = shadows_of(gateway)
            os.kill(process, signal.SIGSTOP)
            for _ in range(20):
                assert client.post("/orders", headers=ann).status_code == 200
            wait_until(lambda: shadows_of(gateway) not in ([], [process]), 2 * WAIT, "another")
            attempts.settled(21)
            assert client.get("/orders", headers=ann).status_code == 200
            hangs = f"shadow 0 (process {process}) hangs"
            wait_until(lambda: hangs in gateway.log(), WAIT, "the word of it")

        attempts.until(attempt, {"match": 1, "dropped": 20, "undetermined": 1})
        hung = {(): float(attempts.users)}
        wait_until(lambda: gateway.metrics()["banyan_shadow_hung_total"] == hung, WAIT, "the count")


def test_a_worker_that_dies_with_a_write_leaves_its_session_unknown(tmp_path: Path) -> None:
    """It is killed the moment that the write reaches its side, and its word of it is there all the same."""
    writes: Counter[str] = Counter()
    worker: list[int] = []

    def side(asked: Asked) -> Says:
        user = asked.headers.get("x-user", "")
        if asked.method == "POST" and not asked.is_shadow:
            os.kill(worker[0], signal.SIGKILL)
            writes[user] += 1
        seen = 0 if asked.is_shadow else writes[user]
        return Says(json.dumps({"writes": seen}).encode(), headers=(*JSON, HONOURED))

    def is_answered(client: httpx.Client) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return client.get("/orders").status_code == 200
        return False

    with between(tmp_path, side, side, shadow="control_twice = 0", workers=1) as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            name = {"X-User": user}
            with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT, headers=name) as client:
                client.get("/orders")
                attempts.settled(1)
                worker[:] = gateway.children("gateway.worker")
                with contextlib.suppress(httpx.HTTPError):
                    client.post("/orders")
                wait_until(partial(is_answered, client), WAIT, "an answer of another worker")

        for _ in range(5):
            attempts.until(attempt, {"match": 1, "undetermined": 1})
        assert writes.total() == attempts.users
