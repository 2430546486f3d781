"""Where a WebSocket frame ends, however the bytes are cut."""

import random

from gateway.wire.frames import FrameBoundary

FRAMES = [
    b"\x81\x00",
    b"\x81\x05hello",
    b"\x82\x7e\x01\x00" + b"a" * 256,
    b"\x82\x7f" + (70_000).to_bytes(8, "big") + b"b" * 70_000,
    b"\x89\x02hi",
    b"\x01\x01x",
    b"\x81\x83maskabc",
]


def test_whole_only_between_two_frames() -> None:
    """Byte by byte."""
    for frame in FRAMES:
        if len(frame) > 1000:
            continue
        boundary = FrameBoundary()
        for index in range(len(frame)):
            boundary.passed(frame[index : index + 1])
            assert boundary.whole is (index == len(frame) - 1), (frame, index)


def test_any_cut_gives_the_same() -> None:
    """A stream of all of them."""
    stream = b"".join(FRAMES)
    chance = random.Random(1)
    for _ in range(50):
        boundary = FrameBoundary()
        at = 0
        while at < len(stream):
            size = chance.choice((1, 2, 3, 10, 1000, 50_000))
            boundary.passed(stream[at : at + size])
            at += size
        assert boundary.whole


def test_the_rest_of_a_frame_and_no_more() -> None:
    """What follows it is not let by."""
    for frame in FRAMES:
        for cut in range(1, min(len(frame), 20)):
            boundary = FrameBoundary()
            boundary.passed(frame[:cut])
            assert boundary.rest_of_frame(frame[cut:] + b"\x81\x02no") == len(frame) - cut
            assert boundary.whole


def test_between_frames_nothing_is_left_of_one() -> None:
    """The next one has not begun."""
    boundary = FrameBoundary()
    assert boundary.whole
    assert boundary.rest_of_frame(b"\x81\x02no") == 0
