"""Capture as the request path uses it: everything that was eligible is accounted for, and nothing raises."""

from collections import Counter
from typing import cast

import pytest

from gateway.capture import Capture, CaptureCounts, ExchangeChannel, FeatureCapture, SessionGap, decode
from gateway.core.decision import Side
from gateway.core.route import Route
from shadow import Observation, RequestSnapshot

ROUTE = Route("orders", "/orders/{id}")
REQUEST = RequestSnapshot("GET", "/orders/1", (), b"", False)
ANSWER = Observation("legacy", 200, (), b"", False, False, 0.1)


class FakeChannel:
    """A way to a shadow process that takes what it is told to take."""

    def __init__(self, *, takes: bool = True, level: int = 10_000) -> None:
        self.takes = takes
        self.level = level
        self.sent: list[bytes] = []
        self.told: list[bytes] = []

    def send(self, frame: bytes, feature: str) -> bool:
        """Take a frame, or not."""
        if self.takes:
            self.sent.append(frame)
        return self.takes

    def tell(self, frame: bytes) -> None:
        """Take a word."""
        self.told.append(frame)


def capture(
    *channels: FakeChannel, percent: int = 10_000, writes: bool = False
) -> tuple[Capture, CaptureCounts]:
    """A capture of one feature over these channels."""
    counts = CaptureCounts()
    features = {"orders": FeatureCapture(percent, frozenset(Side), writes)}
    return Capture(features, cast("list[ExchangeChannel]", list(channels)), counts, lambda: 1.0), counts


def test_a_whole_exchange_is_handed_over() -> None:
    """And is in flight until it has a verdict."""
    channel = FakeChannel()
    subject, counts = capture(channel)
    plan = subject.plan(ROUTE, "key", b"GET", Side.LEGACY, True)
    assert plan is not None
    subject.offer(plan, REQUEST, ANSWER, "id")
    assert len(channel.sent) == 1
    assert counts.outcomes == Counter({("orders", "eligible"): 1, ("orders", "sent"): 1})
    assert counts.in_flight() == {"orders": 1}
    counts.settled("orders", "match", 1)
    assert counts.in_flight() == {"orders": 0}


@pytest.mark.parametrize("takes", [True, False])
def test_eligible_is_the_sum_of_what_became_of_it(takes: bool) -> None:
    """Sampled or not, taken or not, whole or lost."""
    subject, counts = capture(FakeChannel(takes=takes), percent=5000)
    for number in range(200):
        plan = subject.plan(ROUTE, f"key-{number}", b"GET", Side.LEGACY, False)
        if plan is not None and number % 3:
            subject.offer(plan, REQUEST, ANSWER, "id")
        elif plan is not None:
            subject.lost(plan)
    got = {outcome: times for (_, outcome), times in counts.outcomes.items()}
    assert got["eligible"] == 200
    assert got["eligible"] == got["not_sampled"] + got.get("sent", 0) + got["dropped"]
    assert counts.verdicts["orders", "dropped"] == got["dropped"]


def test_a_session_always_goes_the_same_way() -> None:
    """Whatever comes between; and several ways are used."""
    channels = [FakeChannel() for _ in range(3)]
    subject, _ = capture(*channels)
    for _ in range(4):
        for number in range(30):
            plan = subject.plan(ROUTE, f"<{number}>", b"GET", Side.LEGACY, False)
            assert plan is not None
            subject.offer(plan, REQUEST, ANSWER, plan.key)
    for number in range(30):
        key = f"<{number}>".encode()
        ways = [sum(key in frame for frame in channel.sent) for channel in channels]
        assert sorted(ways) == [0, 0, 4]
    assert all(channel.sent for channel in channels)


def test_a_failure_of_ours_is_never_the_users(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and counted as dropped."""

    class Broken(FakeChannel):
        def send(self, frame: bytes, feature: str) -> bool:
            raise RuntimeError("broken")

    subject, counts = capture(Broken())
    plan = subject.plan(ROUTE, "key", b"GET", Side.LEGACY, False)
    assert plan is not None
    subject.offer(plan, REQUEST, ANSWER, "id")
    assert counts.outcomes["orders", "dropped"] == 1
    assert "could not be captured" in caplog.text


def test_without_a_shadow_process_nothing_is_planned() -> None:
    """Nor counted."""
    subject, counts = capture()
    assert subject.plan(ROUTE, "key", b"GET", Side.LEGACY, False) is None
    assert not counts.outcomes


def test_a_write_while_the_sample_is_lowered_is_told_once() -> None:
    """Its session may come back into the sample, and is not what it was before. One that is in no sample at
    all is nobody's business."""
    channel = FakeChannel(level=0)
    subject, counts = capture(channel, writes=True)
    for method in (b"GET", b"POST", b"POST"):
        assert subject.plan(ROUTE, "key", method, Side.LEGACY, True) is None
    assert [decode(frame[4:]) for frame in channel.told] == [
        SessionGap("key", "a write of the session was not in the sample", 1.0)
    ]
    assert counts.outcomes["orders", "not_sampled"] == 3
    outside = FakeChannel()
    subject, _ = capture(outside, writes=True, percent=0)
    assert subject.plan(ROUTE, "key", b"POST", Side.LEGACY, True) is None
    assert not outside.told


@pytest.mark.parametrize("writes", [True, False])
def test_a_write_of_a_feature_with_a_smaller_sample_is_told_to_those_of_the_larger_one(writes: bool) -> None:
    """A session is one session, whatever feature it uses."""
    channel = FakeChannel()
    features = {
        "orders": FeatureCapture(10_000, frozenset(Side), writes=True),
        "cart": FeatureCapture(0, frozenset(Side), writes),
    }
    subject = Capture(features, cast("list[ExchangeChannel]", [channel]), CaptureCounts(), lambda: 1.0)
    assert subject.plan(Route("cart", "/cart"), "key", b"GET", Side.LEGACY, True) is None
    assert not channel.told
    for _ in range(2):  # another session of the same user may have begun meanwhile
        assert subject.plan(Route("cart", "/cart"), "key", b"POST", Side.LEGACY, True) is None
    assert [type(decode(frame[4:])) for frame in channel.told] == [SessionGap] * 2


def test_a_read_that_there_was_no_room_for_is_told_once_and_one_that_broke_off_is_not() -> None:
    """What its answer gave may be shown again, and nobody has learned what the other side calls it."""
    channel = FakeChannel(takes=False)
    subject, _ = capture(channel)
    for lose in (True, False, False):
        plan = subject.plan(ROUTE, "key", b"GET", Side.LEGACY, True)
        assert plan is not None
        if lose:
            subject.lost(plan)
            assert not channel.told
        else:
            subject.offer(plan, REQUEST, ANSWER, "id")
    assert [type(decode(frame[4:])) for frame in channel.told] == [SessionGap]
