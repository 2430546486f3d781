"""One exchange as it was captured, and as a frame between two processes: a length of four bytes, then
MessagePack."""

from __future__ import annotations

import msgspec

from shadow import Observation, RequestSnapshot


class CapturedExchange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``key``: the sticky key, which names the session. ``begins``: nothing of this session came before.

    ``at`` is the time of day in seconds when the answer had ended. Holds secrets: never stored as it is.
    """

    id: str
    feature: str
    template: str
    key: str
    begins: bool
    at: float
    request: RequestSnapshot
    answer: Observation


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CapturedExchange)


def encode(exchange: CapturedExchange) -> bytes:
    """The frame of an exchange."""
    body = _encoder.encode(exchange)
    return len(body).to_bytes(4, "big") + body


def decode(body: bytes | memoryview) -> CapturedExchange:
    """The exchange of a frame without its length.

    Raises:
        msgspec.MsgspecError: the bytes are not one.
    """
    return _decoder.decode(body)
