"""What goes over the channel between a worker and a shadow process, as values and as frames: a length of four
bytes, then MessagePack.

To the shadow process: a ``CapturedExchange``, or a ``SessionGap``. Back: ``Settled``.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from shadow import Observation, RequestSnapshot


class CapturedExchange(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """``key``: the sticky key, which names the session. ``begins``: nothing of this session came before.

    ``began`` and ``at`` are the times of day in seconds when the request came and when the answer had ended.
    Holds secrets: never stored as it is.
    """

    id: str
    feature: str
    template: str
    key: str
    begins: bool
    at: float
    request: RequestSnapshot
    answer: Observation
    began: float = 0.0


class SessionGap(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A request of the session ``key`` that may have changed something was not handed over."""

    key: str
    reason: str
    began: float = 0.0


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """What a shadow process says to a worker: exchanges of its that came to a verdict since it said so last
    (feature, verdict, how many), and the share of the sampled sessions it can take now, in hundredths.
    """

    verdicts: list[tuple[str, str, int]]
    level: int


Captured: TypeAlias = CapturedExchange | SessionGap

_encoder = msgspec.msgpack.Encoder()
_captured: msgspec.msgpack.Decoder[Captured] = msgspec.msgpack.Decoder(Captured)
_settled = msgspec.msgpack.Decoder(Settled)


def encode(value: Captured | Settled) -> bytes:
    """The frame of a value."""
    body = _encoder.encode(value)
    return len(body).to_bytes(4, "big") + body


def decode(body: bytes | memoryview) -> Captured:
    """What a worker sent, from a frame without its length.

    Raises:
        msgspec.MsgspecError: the bytes are none of it.
    """
    return _captured.decode(body)


def decode_settled(body: bytes | memoryview) -> Settled:
    """What a shadow process sent back.

    Raises:
        msgspec.MsgspecError: the bytes are none of it.
    """
    return _settled.decode(body)
