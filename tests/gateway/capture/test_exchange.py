"""Frames between a worker and a shadow process."""

import random

import msgspec
import pytest

from gateway.capture import FrameReader
from gateway.capture.channel import LARGEST_FRAME
from gateway.capture.exchange import CapturedExchange, SessionGap, Settled, decode, decode_settled, encode
from shadow import Observation, RequestSnapshot

EXCHANGE = CapturedExchange(
    "id",
    "orders",
    "/orders/{id}",
    "key",
    True,
    1.5,
    RequestSnapshot("GET", "/orders/%ff", ((b"X", b"\xff\x00"),), b"body", False),
    Observation(
        "legacy", 200, ((b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=2")), b"\x00" * 10, False, False, 0.1
    ),
)
VALUES = (EXCHANGE, SessionGap("key", "why"))


@pytest.mark.parametrize("value", VALUES)
def test_what_is_sent_is_what_arrives(value: CapturedExchange | SessionGap) -> None:
    """Bytes, order and repetition included."""
    frame = encode(value)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert decode(frame[4:]) == value


def test_the_way_back() -> None:
    """Verdicts by feature, and how much more may come."""
    settled = Settled([("orders", "match", 3)], 5000)
    assert decode_settled(encode(settled)[4:]) == settled


@pytest.mark.parametrize("garbage", [b"", b"\xc1", b"\x90", b"\x93\x07\x01\x02", encode(EXCHANGE)[4:-1]])
def test_anything_else_is_an_error(garbage: bytes) -> None:
    """Of one kind."""
    with pytest.raises(msgspec.MsgspecError):
        decode(garbage)


def test_a_stream_may_be_cut_anywhere() -> None:
    """The reader gives whole frames, in order."""
    frames = [encode(value) for value in VALUES * 5]
    stream = b"".join(frames)
    chance = random.Random(3)
    for _ in range(30):
        reader = FrameReader()
        found: list[bytes] = []
        at = 0
        while at < len(stream):
            size = chance.choice((1, 2, 3, 5, 50, 1000))
            found += reader.feed(stream[at : at + size])
            at += size
        assert found == [frame[4:] for frame in frames]


def test_a_length_beyond_any_ends_the_stream() -> None:
    """Before anything of it is collected."""
    with pytest.raises(ValueError, match="a frame of"):
        FrameReader().feed((LARGEST_FRAME + 1).to_bytes(4, "big"))
