"""What every store of findings keeps, alike: the file of one machine, and a real Redis that several share."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from shadow import Batch, ComparedExchange, Results, ResultStore, Severity, Verdict, status_pair
from shadow.stores.redis import RedisResults
from tests.shadow.answers import REQUEST, as_json, compared
from tests.support.redis import RedisServer, start_redis

AT = float(int(time.time()) // 60 * 60)
Make = Callable[..., Results]


@pytest.fixture(params=["sqlite", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens one more store on the same findings."""
    if request.param == "sqlite":
        return lambda **more: ResultStore(tmp_path / "results.db", chance=random.Random(7), **more)
    server: RedisServer = request.getfixturevalue("redis_server")
    return lambda **more: RedisResults(
        Redis.from_url(server.url, socket_timeout=30), "{test}:", chance=random.Random(7), **more
    )


def exchange(number: int, control: Any = None, candidate: Any = None, **more: Any) -> ComparedExchange:
    one, other = as_json(control or {"a": 1}), as_json(candidate or {"a": 2})
    fields: dict[str, Any] = {"feature": "orders", "route": "GET /orders", "at": AT + number} | more
    return ComparedExchange(
        id=f"x{number}",
        request=REQUEST,
        control=one,
        candidate=other,
        comparison=compared(one, other),
        **fields,
    )


def found(*exchanges: ComparedExchange, version: str = "") -> Batch:
    """What a shadow process hands its store."""
    batch = Batch()
    for each in exchanges:
        seen = batch.compared(each.feature, each.route, status_pair(each), version, each.comparison, each.at)
        if seen:
            batch.keep(tuple(one.id for one in seen), each)
    return batch


def test_two_that_share_it_add_up(make: Make) -> None:
    one, other = make(), make()
    assert one.write(found(exchange(0), exchange(1, {"a": 1}, {"a": 1}), version="1.0"), AT)
    assert other.write(found(exchange(2), exchange(3, {"b": 1, "a": 1}, {"a": 2}), version="1.1"), AT + 3)
    by_path = {each.path: each for each in one.signatures("orders", now=AT + 10)}
    assert (by_path["body.a"].count, by_path["body.b"].count) == (3, 1)
    assert by_path["body.b"].severity is Severity.HIGH
    assert (by_path["body.a"].first_seen, by_path["body.a"].last_seen) == (AT, AT + 3)
    assert (by_path["body.a"].since_version, by_path["body.a"].last_version) == ("1.0", "1.1")
    assert (by_path["body.a"].last_hour, by_path["body.a"].trend) == (3, "new")
    assert by_path["body.a"].rate(AT + 10) == 3, "three in their first minute"
    assert by_path["body.a"].rate(AT + 180) == 1, "a minute"
    assert one.signatures("users") == []
    assert len(one.signatures(limit=1)) == 1
    assert {word: times for word, times in other.counts("orders").items() if times} == {
        Verdict.MATCH: 1,
        Verdict.MISMATCH: 3,
    }
    assert other.counts("users")[Verdict.MISMATCH] == 0
    assert (one.lost, one.trouble) == (0, "")


def test_the_rate_is_that_of_the_last_hour_and_not_of_all_time(make: Make) -> None:
    store = make()
    now = float(int(AT) // 600 * 600 + 599)
    assert store.write(found(*(exchange(number, at=now - 5 * 3600) for number in range(50))), now)
    assert store.write(found(*(exchange(100 + number, at=now) for number in range(30))), now)
    (only,) = store.signatures("orders", now=now)
    assert (only.count, only.last_hour) == (80, 30)
    assert 0.5 <= only.rate(now) <= 0.6, "30 in the 50 to 60 minutes that are counted"
    (later,) = store.signatures("orders", now=now + 2 * 3600)
    assert later.rate(now + 2 * 3600) == 0


def test_samples_come_back_whole_the_newest_first_and_five_at_most(make: Make) -> None:
    store = make()
    exchanges = [exchange(number) for number in range(12)]
    store.write(found(*exchanges), AT)
    (signature,) = store.signatures()
    samples = store.samples(signature.id)
    assert len(samples) == 5
    assert all(each in exchanges for each in samples)
    assert [each.at for each in samples] == sorted((each.at for each in samples), reverse=True)
    assert store.sample(signature.id) == samples[0]
    assert store.sample("nothing") is None
    assert store.stored(2)[0].at >= store.stored(2)[1].at


def test_an_acknowledgement_holds_for_all_until_it_is_taken_back(make: Make) -> None:
    one, other = make(), make()
    one.write(found(exchange(0)), AT)
    (signature,) = one.signatures()
    assert one.acknowledge(signature.id, AT + 100, "ada", "known", AT)
    (seen,) = other.signatures()
    assert (seen.acknowledged_until, seen.acknowledged_by, seen.acknowledged_reason) == (
        AT + 100,
        "ada",
        "known",
    )
    assert seen.is_acknowledged(AT + 99)
    assert other.acknowledge(signature.id, 0.0, "bob", "not any more", AT)
    assert not one.signatures()[0].is_acknowledged(AT)


def test_noise_and_the_use_of_rules_add_up(make: Make) -> None:
    one, other = make(), make()
    for number, store in enumerate((one, other, other)):
        noisy, pair = compared(as_json({"t": 1}), as_json({"t": 2})), exchange(0).comparison
        batch = Batch()
        batch.twice("orders", "GET /orders", noisy, pair)
        batch.hits["rule", "orders", "body.t", noisy.differences[0].kind] += 2
        store.write(batch, AT + number)
    by_path = {each.path: each for each in one.noise("orders")}
    assert (by_path["body.t"].control, by_path["body.t"].candidate, by_path["body.t"].runs) == (3, 0, 3)
    assert (by_path["body.a"].control, by_path["body.a"].candidate) == (0, 3)
    assert one.noise("users") == []
    (hit,) = one.rule_hits()
    assert (hit.rule, hit.path, hit.count, hit.first_seen, hit.last_seen) == ("rule", "body.t", 6, AT, AT + 2)


def test_samples_are_bounded_in_bytes(make: Make) -> None:
    store = make(max_bytes=512 * 1024)
    for number in range(60):
        big = {f"k{number}": 1, "fill": "x" * 20_000}
        store.write(found(exchange(number, big, {**big, f"k{number}": 2})), AT)
    assert 0 < len(store.stored(100)) < 40


def test_what_redis_cannot_take_is_counted_and_it_comes_back(spawn: Any) -> None:
    server = start_redis(spawn)
    store = RedisResults(Redis.from_url(server.url, socket_timeout=30), "{test}:")
    assert store.write(found(exchange(0)), AT)
    server.process.stop()
    assert not store.write(found(exchange(1), exchange(2)), AT)
    assert store.lost == 2
    assert store.signatures() == []
    time.sleep(1.1)  # a store in trouble is left alone for a second
    assert store.signatures() == []
    assert store.trouble
    start_redis(spawn, server.port)
    time.sleep(1.1)
    assert store.write(found(exchange(3)), AT)
    assert len(store.signatures()) == 1
    assert (store.lost, store.trouble) == (2, "")
