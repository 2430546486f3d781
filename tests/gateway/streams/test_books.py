"""Books that are carried on, shares of shards, and what one origin says: the pure part of the streams."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.control import CounterRow, Report, gauge_key
from gateway.control.accounting import CAPTURED, IN_FLIGHT, VERDICTS, ShadowBooks, bury, inherited
from gateway.control.gateway_books import Estate, GatewayBooks, continued
from gateway.streams.lease import change, fair_share
from gateway.streams.names import shard_of
from gateway.streams.origin import OriginBooks, Passage, carried_on, read_books

TOLD = Passage("o", [("orders", "match", 5)])


def in_redis(taken: int, **settled: int) -> OriginBooks:
    counted = Counter({("orders", verdict): times for verdict, times in settled.items()})
    return OriginBooks(Counter({"orders": taken}), counted)


def test_what_a_worker_had_not_handed_on_was_dropped() -> None:
    carried = carried_on(TOLD, {"orders": 4}, in_redis(8, match=6, mismatch=1))
    assert carried.verdicts == {("orders", "match"): 1, ("orders", "mismatch"): 1, ("orders", "dropped"): 1}
    assert carried.in_flight == {"orders": 1}
    assert carried.passage is not None


def test_asked_again_nothing_is_counted_again() -> None:
    first = carried_on(TOLD, {"orders": 4}, in_redis(8, match=6, mismatch=1))
    assert first.passage is not None
    again = carried_on(first.passage, first.in_flight, in_redis(8, match=6, mismatch=1))
    assert not again.verdicts.total()
    last = carried_on(first.passage, first.in_flight, in_redis(8, match=7, mismatch=1))
    assert last.verdicts == {("orders", "match"): 1}
    assert last.passage is None


def test_books_that_redis_has_lost_are_dropped() -> None:
    carried = carried_on(TOLD, {"orders": 4}, None)
    assert carried.verdicts == {("orders", "dropped"): 4}
    assert carried.passage is None


def test_what_a_worker_told_nobody_before_it_was_killed_counts_as_eligible() -> None:
    carried = carried_on(TOLD, {"orders": 1}, in_redis(9, match=9))
    assert carried.verdicts == {("orders", "match"): 4}
    assert carried.eligible == {"orders": 3}


def report(in_flight: int, passage: Passage | None) -> Report:
    return Report(
        "worker-0",
        "1-1",
        {
            CAPTURED: [CounterRow(("orders", "eligible"), 10)],
            VERDICTS: [CounterRow(("orders", "match"), 10 - in_flight)],
        },
        gauges={gauge_key(IN_FLIGHT, "orders"): float(in_flight), "banyan_breaker_state{orders}": 1.0},
        passage=passage,
    )


def test_a_dead_workers_exchanges_stay_in_flight_while_they_are_in_redis() -> None:
    buried = bury(report(4, TOLD))
    assert buried.gauges == {gauge_key(IN_FLIGHT, "orders"): 4.0}
    assert bury(buried) is buried
    following = inherited(buried, in_redis(9, match=7))
    total = {row.labels: row.value for row in following.counters[VERDICTS]}
    assert total == {("orders", "match"): 8}
    assert following.gauges == {gauge_key(IN_FLIGHT, "orders"): 2.0}


def test_without_shared_streams_they_were_dropped() -> None:
    buried = bury(report(4, None))
    assert {row.labels: row.value for row in buried.counters[VERDICTS]}["orders", "dropped"] == 4
    assert not buried.gauges


def test_an_ended_gateways_books_are_carried_on() -> None:
    books = GatewayBooks(
        "one", "then", {"orders": ShadowBooks(10, 1, 5, 100.0, {"match": 4})}, [Estate(TOLD, {"orders": 3})]
    )
    following = continued(books, {"o": in_redis(8, match=6)})
    orders = following.features["orders"]
    assert orders.balance == 0
    assert orders.verdicts == {"match": 5, "dropped": 2}  # two were in flight and in nobody's estate
    assert orders.in_flight == 2
    last = continued(following, {"o": in_redis(8, match=8)})
    assert last.features["orders"].verdicts == {"match": 7, "dropped": 2}
    assert last.features["orders"].balance == 0
    assert last.estates == []


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 40])
def test_shares_add_up_and_differ_by_one_at_most(count: int) -> None:
    names = [f"p{number}" for number in range(count)]
    shares = [fair_share(name, names, 32) for name in names]
    assert sum(shares) == 32
    assert max(shares) - min(shares) <= 1
    assert fair_share("stranger", names, 32) == 0


def test_what_is_handed_over_already_is_not_handed_over_again() -> None:
    assert change([1, 2, 3, 4], [4], 2) == (0, (3,))
    assert change([1], [], 3) == (2, ())


def test_a_session_has_one_shard() -> None:
    shards = [shard_of(f"user-{number}", 32) for number in range(1000)]
    assert set(shards) == set(range(32))
    assert shards == [shard_of(f"user-{number}", 32) for number in range(1000)]


def test_books_from_redis() -> None:
    fields = [b"conn", b"c", b"t:orders", b"3", b"v:orders\tmatch", b"2", b"seq", b"7", b"refused", b"0 4 "]
    found = read_books(fields)
    assert (found.taken, found.seq, found.refused) == ({"orders": 3}, 7, (0, 4))
    assert found.under_way == {"orders": 1}
    assert not found.goes_on_from({"orders": 4}, {})
    assert not found.goes_on_from({}, {("orders", "match"): 3})
    assert found.goes_on_from({"orders": 3}, {("orders", "match"): 2})
