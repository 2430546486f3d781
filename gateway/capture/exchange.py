"""What goes over the channel between a worker and a shadow process, as values and as frames: a length of four
bytes, then MessagePack.

To the shadow process: a ``CapturedExchange``, a ``SessionGap``, ``WriteBegan``, or ``AllSaid``. Back:
``Settled``.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import msgspec

from gateway.capture.fields import headers_of, lines_of
from shadow import Observation, RequestSnapshot, SideName


class CapturedExchange(msgspec.Struct, frozen=True, gc=False):
    """``key``: the sticky key, which names the session. ``begins``: nothing of this session came before.

    ``began`` and ``at`` are the times of day in seconds when the request came and when the answer had ended.
    ``added``: the field lines that say who asked (X-Forwarded-*, Forwarded) and name the request. They went
    to the primary and go to the other side, and are no part of what the client sent. Holds secrets: never
    stored as it is.
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
    added: bytes = b""


class _Flat(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """A captured exchange on its way: in one row, the header fields as lines. Most come again and again, and
    as lines they are written and read once.
    """

    id: str
    feature: str
    template: str
    key: str
    begins: bool
    at: float
    began: float
    added: bytes
    method: str
    target: str
    request_fields: bytes
    request_body: bytes
    body_cut: bool
    side: SideName
    status: int
    answer_fields: bytes
    answer_body: bytes
    cut: bool
    truncated: bool
    elapsed: float
    error: str


class SessionGap(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A request of the session ``key`` that may have changed something was not handed over."""

    key: str
    reason: str
    began: float = 0.0


class WriteBegan(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A request of the session ``key`` that may change something was sent to its side at ``began``. Its
    exchange follows when its answer has ended, or a gap.
    """

    key: str
    began: float


class AllSaid(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The answer to ``Settled.question``: what the worker had to say when it was asked was said before."""

    question: int


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """What a shadow process says to a worker: exchanges of its that came to a verdict since it said so last
    (feature, verdict, how many), and the share of the sampled sessions it can take now, in hundredths.
    ``question``: a number that the worker is to give back behind all that it has to say; 0 for none.
    """

    verdicts: list[tuple[str, str, int]]
    level: int
    question: int = 0


Captured: TypeAlias = CapturedExchange | SessionGap | WriteBegan

_encoder = msgspec.msgpack.Encoder()
_captured: msgspec.msgpack.Decoder[_Flat | SessionGap | WriteBegan] = msgspec.msgpack.Decoder(
    _Flat | SessionGap | WriteBegan
)
_said: msgspec.msgpack.Decoder[_Flat | SessionGap | WriteBegan | AllSaid] = msgspec.msgpack.Decoder(
    _Flat | SessionGap | WriteBegan | AllSaid
)
_settled = msgspec.msgpack.Decoder(Settled)


def encode(value: Captured | AllSaid | Settled) -> bytes:
    """The frame of a value."""
    body = _encoder.encode(_flat(value) if type(value) is CapturedExchange else value)
    return len(body).to_bytes(4, "big") + body


def decode_said(body: bytes | memoryview) -> Captured | AllSaid:
    """What a worker said over its channel, from a frame without its length.

    Raises:
        msgspec.MsgspecError: the bytes are none of it.
    """
    found = _said.decode(body)
    return _whole(found) if type(found) is _Flat else cast("SessionGap | WriteBegan | AllSaid", found)


def decode(body: bytes | memoryview) -> Captured:
    """What a worker captured, from a frame without its length.

    Raises:
        msgspec.MsgspecError: the bytes are none of it.
    """
    found = _captured.decode(body)
    return _whole(found) if type(found) is _Flat else cast("SessionGap | WriteBegan", found)


def _flat(exchange: CapturedExchange) -> _Flat:
    request, answer = exchange.request, exchange.answer
    return _Flat(
        exchange.id,
        exchange.feature,
        exchange.template,
        exchange.key,
        exchange.begins,
        exchange.at,
        exchange.began,
        exchange.added,
        request.method,
        request.target,
        lines_of(request.headers),
        request.body,
        request.body_cut,
        answer.side,
        answer.status,
        lines_of(answer.headers),
        answer.body,
        answer.cut,
        answer.truncated,
        answer.elapsed,
        answer.error,
    )


def _whole(flat: _Flat) -> CapturedExchange:
    request = RequestSnapshot(
        flat.method, flat.target, headers_of(flat.request_fields), flat.request_body, flat.body_cut
    )
    answer = Observation(
        flat.side,
        flat.status,
        headers_of(flat.answer_fields),
        flat.answer_body,
        flat.cut,
        flat.truncated,
        flat.elapsed,
        flat.error,
    )
    return CapturedExchange(
        flat.id,
        flat.feature,
        flat.template,
        flat.key,
        flat.begins,
        flat.at,
        request,
        answer,
        flat.began,
        flat.added,
    )


def decode_settled(body: bytes | memoryview) -> Settled:
    """What a shadow process sent back.

    Raises:
        msgspec.MsgspecError: the bytes are none of it.
    """
    return _settled.decode(body)
