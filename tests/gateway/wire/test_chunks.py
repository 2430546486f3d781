"""A chunked body, taken apart wherever it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.chunks import BadChunk, Chunks

FIELD = 200


class Heard:
    """What was said of a body."""

    def __init__(self) -> None:
        self.data = b""
        self.trailers: list[tuple[bytes, bytes]] = []

    def body(self, data: bytes) -> None:
        assert data
        self.data += data

    def trailer(self, name: bytes, value: bytes) -> None:
        self.trailers.append((name, value))


def read(*pieces: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes | None]:
    """The body, its trailers, and what was left behind its end; None where it has not come."""
    chunks, heard = Chunks(FIELD), Heard()
    for number, piece in enumerate(pieces):
        before = b"..."  # what stood in the same data and is not of the body
        end = chunks.read(before + piece, len(before), heard)
        if chunks.ended:
            return heard.data, heard.trailers, (before + piece)[end:] + b"".join(pieces[number + 1 :])
        assert end == len(before + piece)
    return heard.data, heard.trailers, None


GOOD = [
    (b"0\r\n\r\n", b"", []),
    (b"3\r\nabc\r\n0\r\n\r\n", b"abc", []),
    (b"003\r\nabc\r\n0000\r\n\r\n", b"abc", []),
    (b"3\r\nabc\r\nA\r\n\r\n0\r\n\r\n1\r\n\r\n0\r\n\r\n", b"abc\r\n0\r\n\r\n1\r\n", []),
    (b"3; some; parameters=stuff\r\nabc\r\n2 ;a\t=\tb ; c\r\nde\r\n0\r\n\r\n", b"abcde", []),
    (b'3;q="a;\\"b\\\\ \xff"\r\nabc\r\n0;last\r\n\r\n', b"abc", []),
    (
        b"1\r\na\r\n0\r\nX-T:1\r\nY: \t a b \t\r\nZ:\r\n\r\n",
        b"a",
        [(b"X-T", b"1"), (b"Y", b"a b"), (b"Z", b"")],
    ),
]
BAD = [
    b"x\r\nabc\r\n",
    b"-3\r\nabc\r\n",
    b"+3\r\nabc\r\n",
    b"0x3\r\nabc\r\n",
    b"3_0\r\n",
    b" 3\r\nabc\r\n",
    b"3 \r\nabc\r\n",
    b"3\nabc\n",
    b"3\rabc\r",
    b"3\r\nabcd\r\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3\r\nabc\r0\r\n\r\n",
    b"\r\nabc\r\n",
    b";a=b\r\nabc\r\n",
    b"3;\r\nabc\r\n",
    b"3;a b\r\nabc\r\n",
    b"3;a=\r\nabc\r\n",
    b'3;a="b\r\nabc\r\n',
    b'3;a="b\\\r\n"\r\nabc\r\n',
    b"3;a\nb\r\nabc\r\n",
    b"3;a\0\r\nabc\r\n",
    b"3;a" + b"b" * 1024,
    b"f" * 17 + b"\r\nabc\r\n",
    b"0\r\n a: b\r\n\r\n",
    b"0\r\nno colon\r\n\r\n",
    b"0\r\na : b\r\n\r\n",
    b"0\r\na: b\r\n c\r\n\r\n",
    b"0\r\na: b\n\r\n",
    b"0\r\na: b\0\r\n\r\n",
    b"0\r\n\n",
]


@pytest.mark.parametrize(("data", "body", "trailers"), GOOD)
def test_a_body_is_read_wherever_it_is_cut(
    data: bytes, body: bytes, trailers: list[tuple[bytes, bytes]]
) -> None:
    """In one piece, in two, and in single bytes; what is behind it is left alone."""
    behind = b"\r\nGET / HTTP/1.1\r\n"
    expected = body, trailers, behind
    whole = data + behind
    assert read(whole) == expected
    for cut in range(1, len(whole)):
        assert read(whole[:cut], whole[cut:]) == expected
    assert read(*(bytes([byte]) for byte in whole)) == expected


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_chunk_is_refused_wherever_it_is_cut(data: bytes) -> None:
    """And never ends a body."""
    for cut in range(len(data)):
        with pytest.raises(BadChunk) as bad:
            read(b"1\r\nz\r\n" + data[:cut], data[cut:])
        assert bad.value.status == 400


@pytest.mark.parametrize("size", [FIELD, 10 * FIELD])
def test_a_trailer_without_an_end_is_not_kept(size: int) -> None:
    """Beyond what a field may have."""
    with pytest.raises(BadChunk) as bad:
        read(b"0\r\nX: ", b"y" * size)
    assert bad.value.status == 431


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(1, 30), max_size=20))
def test_any_body_cut_anywhere(bodies: list[bytes], cuts: list[int]) -> None:
    """It is the same."""
    data = b"".join(b"%X\r\n%b\r\n" % (len(each), each) for each in bodies) + b"0\r\n\r\nbehind"
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    assert read(*(each for each in (*pieces, data) if each)) == (b"".join(bodies), [], b"behind")
