"""Rule 14, by properties: whatever frames either end sends, and however the network cuts them, the same bytes
arrive; and a rollback at any moment ends them between two frames."""

import threading
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode

from tests.support.fuzz import MODERATE
from tests.support.raw import UpstreamConnection, UpstreamRequest
from tests.support.stage import Scene, Stage, get

HANDSHAKE = get(
    b"/orders/ws",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: x",
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
RESTART = b"\x88\x02\x03\xf4"

PAYLOAD = st.one_of(
    st.binary(max_size=130),  # around the border of the short form of lengths
    st.integers(min_value=65_530, max_value=65_540).map(lambda size: b"x" * size),  # and of the long one
)
CONTROL = st.builds(Frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125))
CLOSE = st.builds(
    lambda code, reason: Frame(Opcode.CLOSE, Close(code, reason).serialize()),
    st.sampled_from([1000, 1001, 1003, 1008, 1011, 3000, 4999]),
    st.text(max_size=20),
)
CUTS = st.lists(st.integers(min_value=1, max_value=400), max_size=12)


@st.composite
def conversations(draw: st.DrawFn) -> list[Frame]:
    """Messages in fragments, control frames anywhere between them."""
    frames: list[Frame] = []
    for _ in range(draw(st.integers(min_value=0, max_value=4))):
        parts = draw(st.lists(PAYLOAD, min_size=1, max_size=4))
        for number, part in enumerate(parts):
            kind = draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY])) if not number else Opcode.CONT
            frames.append(Frame(kind, part, fin=number == len(parts) - 1, rsv1=draw(st.booleans())))
            frames += draw(st.lists(CONTROL, max_size=1))
    return frames


def written(frames: Iterable[Frame], *, masked: bool) -> bytes:
    """As they are sent by a client, or by a server."""
    return b"".join(_bytes(frame, masked=masked) for frame in frames)


def _bytes(frame: Frame, *, masked: bool) -> bytes:
    """``rsv1`` marks a compressed message; the library sets it only where it has compressed one itself."""
    data = bytearray(replace(frame, rsv1=False).serialize(mask=masked))
    data[0] |= 0x40 * frame.rsv1
    return bytes(data)


def pieces(data: bytes, cuts: list[int]) -> Iterable[bytes]:
    """Cut where the network might."""
    at = 0
    for cut in cuts:
        yield data[at : at + cut]
        at += cut
    yield data[at:]


@MODERATE
@given(conversations(), conversations(), CLOSE, CLOSE, CUTS, CUTS)
def test_every_sequence_of_frames_passes_unchanged_both_ways(
    stage: Stage,
    from_client: list[Frame],
    from_server: list[Frame],
    last_of_client: Frame,
    last_of_server: Frame,
    cuts: list[int],
    other_cuts: list[int],
) -> None:
    """Fragments, control frames between them, close codes with their reasons; then the end."""
    up = written([*from_client, last_of_client], masked=True)
    down = written([*from_server, last_of_server], masked=False)
    arrived: list[bytes] = []

    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(SWITCH)
        for piece in pieces(down, other_cuts):
            connection.send(piece)
        arrived.append(connection.read_exactly(len(up)))
        connection.close()

    stage.legacy.plays(scene)
    with stage.client() as client:
        client.send(HANDSHAKE)
        client.read_head()
        for piece in pieces(up, cuts):
            client.send(piece)
        assert client.read_until_closed() == down
    assert arrived == [up]


@MODERATE
@given(conversations().filter(bool), st.data())
def test_a_rollback_at_any_moment_ends_between_two_frames(
    stage: Stage, frames: list[Frame], data: st.DataObject
) -> None:
    """Of what the application goes on sending, the client gets the frame under way and the farewell."""
    stream = written(frames, masked=False)
    at = data.draw(st.integers(min_value=0, max_value=len(stream)))
    ends = [len(written(frames[:count], masked=False)) for count in range(len(frames) + 1)]
    whole = next(end for end in ends if end >= at)
    latched = threading.Event()
    stage.latch("orders", on=False)
    stage.dial(100)
    stage.new.plays(_stopping(stream, at, latched))
    with stage.client() as client:
        client.send(HANDSHAKE)
        client.read_head()
        assert client.read_exactly(at) == stream[:at]
        stage.latch("orders")
        latched.set()
        assert client.read_until_closed() == stream[at:whole] + RESTART


def _stopping(stream: bytes, at: int, go_on: threading.Event) -> Scene:
    def scene(connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.send(SWITCH + stream[:at])
        go_on.wait(60)
        connection.send(stream[at:])
        connection.read_until_closed(timeout=60)

    return scene
