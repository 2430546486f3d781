"""A result store that is locked, full or broken: comparing goes on, what is lost is counted, and nobody reads
"nothing differs" where nothing can be read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import httpx

from tests.e2e.between import Asked, Between, Says, between, unbalanced
from tests.support.ports import wait_until

WAIT = 60
"""Seconds for what must come true, on however busy a machine."""


def legacy(_: Asked) -> Says:
    return Says(b'{"total": 100}')


def new(asked: Asked) -> Says:
    return Says(b'{"total": 101}' if asked.target.endswith("wrong") else b'{"total": 100}')


def ask(gateway: Between, path: str, times: int) -> None:
    """So many pairs more that were compared: a busy machine may leave one out, and then it is another's."""
    verdict = "mismatch" if path == "/wrong" else "match"
    before = gateway.settled(WAIT)
    asked, compared = before["eligible"], before[verdict]

    def done() -> bool:
        nonlocal asked
        left = compared + times - gateway.settled(WAIT, eligible=asked)[verdict]
        with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:
            for _ in range(left):
                asked += 1
                assert client.get(path, headers={"X-User": f"u{asked}"}).status_code == 200
        return left == 0

    wait_until(done, 2 * WAIT, f"{times} times a {verdict}")


def found(gateway: Between) -> int:
    """How often the one difference was written down."""
    told = gateway.banyan("diffs").data
    return int(told[0]["count"]) if told else 0


def not_kept(gateway: Between) -> float:
    return sum(gateway.metrics().get("banyan_shadow_not_kept_total", {}).values())


def test_a_locked_store_keeps_nothing_and_costs_nothing_else(tmp_path: Path) -> None:
    with between(tmp_path, legacy, new, shadow="control_twice = 0") as gateway:
        ask(gateway, "/wrong", 5)
        wait_until(lambda: found(gateway) == 5, WAIT, "the first findings")
        other = sqlite3.connect(tmp_path / "state" / "shadow.sqlite", isolation_level=None, timeout=WAIT)
        other.execute("BEGIN IMMEDIATE")
        ask(gateway, "/wrong", 5)
        ask(gateway, "/right", 5)
        wait_until(lambda: not_kept(gateway) >= 10, WAIT, "the loss in the metrics")
        books = gateway.settled()
        assert (books["mismatch"], books["match"], unbalanced(books)) == (10, 5, 0)
        wait_until(lambda: "could not be kept" in gateway.log(), WAIT, "the loss in the log")
        other.execute("ROLLBACK")
        other.close()

        def kept_again() -> bool:
            ask(gateway, "/wrong", 1)
            return found(gateway) > 5

        wait_until(kept_again, WAIT, "the store at work again")


def test_a_full_store_keeps_what_it_has(tmp_path: Path) -> None:
    """The file may not grow by a page: what is there stays readable, what comes is lost and counted."""
    with between(tmp_path, legacy, new, shadow="control_twice = 0") as gateway:
        ask(gateway, "/wrong", 5)
        wait_until(lambda: found(gateway) == 5, WAIT, "the first findings")
        store = sqlite3.connect(tmp_path / "state" / "shadow.sqlite", isolation_level=None, timeout=WAIT)
        for moment in ("INSERT", "UPDATE"):
            store.execute(
                f"CREATE TRIGGER full_{moment} BEFORE {moment} ON signatures "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        ask(gateway, "/wrong", 5)
        wait_until(lambda: not_kept(gateway) >= 5, WAIT, "the loss in the metrics")
        assert found(gateway) == 5
        store.close()
        books = gateway.settled()
        assert (books["mismatch"], unbalanced(books)) == (10, 0)


def test_a_store_that_cannot_be_read_is_no_store_without_differences(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "shadow.sqlite").write_bytes(b"this is no database" * 1000)
    with between(tmp_path, legacy, new, shadow="control_twice = 0") as gateway:
        ask(gateway, "/wrong", 5)
        books = gateway.settled()
        assert (books["mismatch"], unbalanced(books)) == (5, 0)
        for words in (("diffs",), ("diffs", "noise"), ("diffs", "lint"), ("diffs", "show", "0" * 16)):
            asked = gateway.banyan(*words)
            assert asked.code != 0, words
            assert "cannot be read, so nobody knows what differs" in asked.text, asked.text
            assert "Traceback" not in asked.text
        wait_until(lambda: not_kept(gateway) >= 5, WAIT, "the loss in the metrics")
