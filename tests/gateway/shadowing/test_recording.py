"""A live recording is a session as it was, or its beginning; never one with a hole in it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gateway.capture import CapturedExchange
from gateway.shadowing import LiveRecorder, Order, recording
from gateway.shadowing.orders import Outcome, outcomes, place_order
from shadow import DEFAULT_RULES, Observation, RequestSnapshot, SessionMirror

IDLE = 5.0
LARGE = b"x" * 1000


class Recorder:
    """One that has taken up an order."""

    def __init__(self, folder: Path) -> None:
        self.state, self.now = folder, time.time()
        self.recordings = folder / "recordings"
        until = self.now + 1000
        order = Order("one", "orders", "legacy", until, 10_000, 20, 20, IDLE, str(self.recordings))
        place_order(folder, order)
        self.live = LiveRecorder(folder, 0, DEFAULT_RULES)

    def take(self, key: str, mirror: SessionMirror, target: str, body: bytes = b"{}") -> None:
        """One exchange of a session."""
        self.now += 0.01
        request = RequestSnapshot("GET", target, ((b"host", b"a"),), b"")
        answer = Observation("legacy", 200, ((b"content-type", b"application/json"),), body)
        exchange = CapturedExchange("id", "orders", "/*", key, True, self.now, request, answer)
        self.live.take(exchange, f"GET {target}", mirror, None, first=target == "/first")

    async def over(self) -> Outcome:
        """What became of the sessions once they are over."""
        self.now += 2 * IDLE
        await self.live.look(self.now)
        (outcome,) = outcomes(self.state, "one")
        return outcome

    def targets(self) -> list[str]:
        """What was written, in order."""
        files = sorted(self.recordings.glob("*/*.json"))
        return [word for file in files for word in ("/first", "/large", "/last") if word in file.read_text()]


@pytest.fixture
async def recorder(tmp_path: Path) -> Recorder:
    made = Recorder(tmp_path)
    await made.live.look(made.now)
    return made


async def test_what_is_lost_of_nobody_knows_which_session_is_a_hole_in_each(recorder: Recorder) -> None:
    before, after = SessionMirror(0.0), SessionMirror(0.0)
    recorder.take("one", before, "/first")
    recorder.live.lost_all()
    recorder.take("one", before, "/last")
    recorder.take("two", after, "/first", b'{"begun": "afterwards"}')
    outcome = await recorder.over()
    assert sum(outcome.left_out.values()) == 1, outcome
    assert len(outcome.written) == 1
    assert recorder.targets() == ["/first"]


async def test_what_there_was_no_room_for_ends_a_journey_and_what_follows_it_is_not_kept(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_BYTES", len(LARGE))
    mirror = SessionMirror(0.0)
    recorder.take("one", mirror, "/first")
    recorder.take("one", mirror, "/large", LARGE)
    recorder.take("one", mirror, "/last")
    outcome = await recorder.over()
    assert [each.steps for each in outcome.written] == [1], outcome
    assert recorder.targets() == ["/first"]
