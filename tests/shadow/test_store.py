"""The result store: counts, signatures, samples, bounds, and that trouble is counted and never raised."""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shadow import ComparedExchange, Kind, ResultStore, Severity, Verdict, signature_ids
from tests.shadow.answers import REQUEST, as_json, compared

AT = 1_750_000_020.0


def exchange(number: int = 0, control: Any = None, candidate: Any = None, **more: Any) -> ComparedExchange:
    one, other = as_json(control or {"a": 1}), as_json(candidate or {"a": 2})
    fields = {
        "feature": "orders",
        "route": "GET /orders",
        "at": AT + number,
        "comparison": compared(one, other),
    }
    return ComparedExchange(
        id=f"x{number}", request=REQUEST, control=one, candidate=other, **{**fields, **more}
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResultStore]:
    made = ResultStore(tmp_path / "results.db", chance=random.Random(7))
    yield made
    made.close()


def test_counts_by_minute(store: ResultStore) -> None:
    same = exchange(candidate={"a": 1})
    for result in (same, exchange(1), exchange(70), exchange(2, feature="users")):
        assert store.record(result)
    store.count("orders", Verdict.DROPPED, AT, times=5)
    assert {verdict: count for verdict, count in store.counts("orders").items() if count} == {
        Verdict.MATCH: 1,
        Verdict.MISMATCH: 2,
        Verdict.DROPPED: 5,
    }
    assert store.counts()[Verdict.MISMATCH] == 3
    assert store.counts("orders", since=AT + 60)[Verdict.MISMATCH] == 1
    assert list(store.minutes("orders")) == [AT // 60 * 60, AT // 60 * 60 + 60]
    assert store.lost == 0


def test_mismatches_that_are_one_thing_have_one_signature(store: ResultStore) -> None:
    for number in range(3):
        store.record(exchange(number))
    store.record(exchange(3, {"a": 1, "b": 1}, {"a": 2}))
    (first, second) = store.signatures("orders")
    by_path = {each.path: each for each in (first, second)}
    assert (by_path["body.a"].count, by_path["body.b"].count) == (4, 1)
    assert (by_path["body.a"].first_seen, by_path["body.a"].last_seen) == (AT, AT + 3)
    assert (by_path["body.b"].kind, by_path["body.b"].severity) == (Kind.REMOVED, Severity.HIGH)
    assert by_path["body.a"].id in signature_ids(exchange())
    assert store.signatures("users") == []
    assert len(store.signatures(limit=1)) == 1


def test_a_sample_comes_back_whole(store: ResultStore) -> None:
    kept = exchange(deepdiff={"values_changed": {}}, against="golden")
    store.record(kept)
    (signature,) = store.signatures()
    assert store.sample(signature.id) == kept
    assert store.sample("nothing") is None


def test_samples_are_a_reservoir_not_the_first_five(store: ResultStore) -> None:
    for number in range(500):
        store.record(exchange(number))
    (signature,) = store.signatures()
    kept = [result.id for result in store.samples(signature.id)]
    assert len(kept) == 5
    assert max(int(id_[1:]) for id_ in kept) > 100


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    store = ResultStore(tmp_path / "results.db", ttl=100)
    store.record(exchange(0))
    for number in range(200):
        store.record(exchange(1000 + number // 10, {"b": 1}, {"b": 2}))
    assert [each.path for each in store.signatures()] == ["body.b"]
    assert store.counts()[Verdict.MISMATCH] == 200
    store.close()


def test_the_file_is_bounded_and_goes_on_taking_results(tmp_path: Path) -> None:
    path, limit = tmp_path / "results.db", 1024 * 1024
    store = ResultStore(path, max_bytes=limit)
    kept = 0
    for number in range(300):
        big = {"a": [number], "fill": [str(number + index) for index in range(4000)], f"k{number}": number}
        kept += store.record(exchange(number * 2, big, {**big, "a": ["x"], f"k{number}": "y"}))
    assert path.stat().st_size <= limit
    assert store.lost + kept == 300
    assert kept > 200
    assert store.signatures(limit=1)[0].last_seen > AT + 400
    store.close()


def test_stored_bodies_are_bounded(store: ResultStore) -> None:
    store.record(exchange(0, {"a": "x" * 500_000}, {"a": "y" * 500_000}))
    sample = store.sample(store.signatures()[0].id)
    assert sample is not None
    assert sample.control.cut
    assert len(sample.control.body) == 64 * 1024


class TestTrouble:
    def test_a_locked_store(self, tmp_path: Path) -> None:
        store = ResultStore(tmp_path / "results.db", busy_timeout=0.01)
        store.record(exchange(0))
        other = sqlite3.connect(tmp_path / "results.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert not store.record(exchange(1))
        assert store.lost == 1
        other.execute("ROLLBACK")
        other.close()
        assert not store.record(exchange(1)), "left alone for a second"
        assert store.record(exchange(3))
        assert store.lost == 2
        store.close()

    def test_no_such_folder(self, tmp_path: Path) -> None:
        store = ResultStore(tmp_path / "missing" / "results.db")
        assert not store.record(exchange())
        assert (store.lost, store.signatures(), store.sample("x")) == (1, [], None)
        assert sum(store.counts().values()) == 0

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        path = tmp_path / "results.db"
        path.write_bytes(b"this is no database" * 100)
        store = ResultStore(path)
        assert not store.record(exchange())
        assert store.lost == 1

    def test_a_read_only_store(self, tmp_path: Path) -> None:
        path = tmp_path / "results.db"
        store = ResultStore(path)
        store.record(exchange(0))
        connection = store._file.open()
        connection.execute("PRAGMA query_only = ON")
        assert not store.record(exchange(1))
        assert store.lost == 1
        store.close()

    def test_a_full_store(self, tmp_path: Path) -> None:
        store = ResultStore(tmp_path / "results.db")
        store.record(exchange(0))
        (pages,) = store._file.open().execute("PRAGMA page_count").fetchone()
        store._file.open().execute(f"PRAGMA max_page_count = {pages}")
        text = {"a": ["x" * 50_000]}
        assert not store.record(exchange(1, text, {"a": ["y" * 50_000]}))
        assert store.lost == 1
        store.close()

    def test_a_key_that_is_no_utf_8(self, store: ResultStore) -> None:
        one, other = as_json({}), msgspec.structs.replace(as_json({}), body=b'{"\\ud800": 1}')
        assert store.record(exchange(comparison=compared(one, other)))


def _record_many(path: Path, process: int) -> None:
    store = ResultStore(path, busy_timeout=60)
    for number in range(50):
        assert store.record(exchange(process * 1000 + number))
    store.close()


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_record_many, args=(path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    store = ResultStore(path)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert store.counts()[Verdict.MISMATCH] == 150
    assert store.signatures()[0].count == 150
    store.close()
