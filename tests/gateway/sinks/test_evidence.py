"""What a worker tells the judge: who counts, on which side, once."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from flags import Totals, user_mark
from gateway.control import Report
from gateway.core.decision import Cause, Side
from gateway.core.event import RequestFinished
from gateway.sinks.evidence import AGAIN, BUDGET, DifferingUsers, EvidenceCounters

NOON = 500_000 * 3600.0


@pytest.fixture
def counters() -> EvidenceCounters:
    return EvidenceCounters(lambda: NOON)


def finished(
    key: str = "k",
    side: Side = Side.NEW,
    status: int = 200,
    share: int = 1000,
    cause: Cause = Cause.PERCENTAGE,
    fell_back: bool = False,
    cut: bool = False,
) -> RequestFinished:
    return RequestFinished("orders", side, cause, status, 0.05, fell_back, key, share, cut)


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.PERCENTAGE])
def test_only_what_the_dial_decided_is_evidence(counters: EvidenceCounters, cause: Cause) -> None:
    counters.finished(finished(cause=cause, status=500), 30)
    assert counters.totals({}) == {}
    assert counters.samples() == {}


def test_requests_errors_and_latency_by_side(counters: EvidenceCounters) -> None:
    for side, status in ((Side.NEW, 200), (Side.NEW, 503), (Side.LEGACY, 404), (Side.LEGACY, 0)):
        counters.finished(finished(side=side, status=status), 30)
    found = counters.totals({})["orders"]
    assert (found.new.requests, found.new.errors, sum(found.new.latency)) == (2, 1, 2)
    assert (found.legacy.requests, found.legacy.errors) == (2, 0)


def test_a_fallback_is_a_failure_of_the_new_side_and_a_request_of_neither(counters: EvidenceCounters) -> None:
    counters.finished(finished(side=Side.LEGACY, fell_back=True), 30)
    found = counters.totals({})["orders"]
    assert (found.asked, found.failed, found.legacy.requests, found.new.requests) == (1, 1, 0, 0)
    (sample,) = counters.samples()["orders"]["erring"].values()
    assert sample.users[user_mark("orders", "k")].new


@pytest.mark.parametrize("side", list(Side))
def test_an_answer_that_its_side_broke_off_is_that_sides_failure(
    counters: EvidenceCounters, side: Side
) -> None:
    counters.finished(finished(side=side, cut=True), 30)
    found = counters.totals({})["orders"]
    assert (found.new.errors, found.legacy.errors) == ((1, 0) if side is Side.NEW else (0, 1))
    (sample,) = counters.samples()["orders"]["erring"].values()
    assert sample.users[user_mark("orders", "k")].new is (side is Side.NEW)


def test_a_user_counts_once_however_often_it_fails(counters: EvidenceCounters) -> None:
    for _ in range(50):
        counters.finished(finished(status=500), 30)
    counters.finished(finished("other"), 30)
    users = counters.samples()["orders"]
    assert {kind: len(found[500_000].users) for kind, found in users.items()} == {"erring": 1, "keys": 2}


def test_where_something_else_than_chance_decides_nobody_is_a_sample(counters: EvidenceCounters) -> None:
    counters.finished(finished(share=0, status=500), 30)
    assert counters.samples() == {}
    assert counters.totals({})["orders"].failed == 1


def test_what_became_of_comparisons_counts_as_the_judge_has_it(counters: EvidenceCounters) -> None:
    words = ("match", "noise", "accepted", "mismatch", "undetermined", "shadow_error", "shadow_timeout")
    found = counters.totals({("orders", word): 10 for word in (*words, "dropped")})["orders"]
    assert found == Totals(compared=40, mismatches=10, lost=30)


def test_a_report_stays_small_and_all_users_are_told_in_turn(counters: EvidenceCounters) -> None:
    names = [f"feature-{number}" for number in range(20)]
    for name in names:
        for user in range(900):
            counters.finished(replace(finished(f"user-{user}", status=500), feature=name), 30)
    told: set[tuple[str, str]] = set()
    for _ in range(40):
        samples = counters.samples()
        marks = sum(
            len(one.users) for kinds in samples.values() for by in kinds.values() for one in by.values()
        )
        assert marks <= BUDGET + 1024
        told |= {(name, kind) for name, kinds in samples.items() for kind in kinds}
    assert told == {(name, kind) for name in names for kind in ("erring", "keys")}


def test_users_are_told_when_there_is_something_new_and_again_after_a_while(
    counters: EvidenceCounters,
) -> None:
    """The same four times a second would cost whoever reads it; but who begins anew must hear it."""
    counters.finished(finished("first", status=500), 30)
    assert set(counters.samples()["orders"]) == {"erring", "keys"}
    counters.finished(finished("first"), 30)
    assert counters.samples() == {}
    counters.finished(finished("second"), 30)
    (sample,) = counters.samples()["orders"]["keys"].values()
    assert len(sample.users) == 2
    told = [counters.samples() for _ in range(AGAIN)]
    assert [set(one["orders"]) for one in told if one] == [{"erring", "keys"}]


def test_a_report_arrives_as_it_was_sent(counters: EvidenceCounters) -> None:
    counters.finished(finished(status=500), 30)
    differing = DifferingUsers({})
    differing.differs("orders", "k", NOON)
    report = Report("w", "1", evidence=counters.totals({}), users=counters.samples() | differing.samples())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(report), type=Report) == report
