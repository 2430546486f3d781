"""The line of a request, by its grammar."""

import pytest

from gateway.wire.asking import BadLine, behind_empty_lines, read_line

GOOD = [
    (b"GET / HTTP/1.1\r\n", b"GET", b"/", 1),
    (b"-BLARGH /a?b HTTP/1.0\r\n", b"-BLARGH", b"/a?b", 0),
    (b"OPTIONS * HTTP/1.1\r\n", b"OPTIONS", b"*", 1),
    (b"GET /caf\xc3\xa9?q=\xff HTTP/1.1\r\n", b"GET", b"/caf\xc3\xa9?q=\xff", 1),
    (b"GET /a#b HTTP/1.1\r\n", b"GET", b"/a#b", 1),  # whether a target is one is looked at later
]
BAD = [
    (b"GET /\r\n", 400),
    (b"GET  / HTTP/1.1\r\n", 400),
    (b"GET /  HTTP/1.1\r\n", 400),
    (b"GET / HTTP/1.1 \r\n", 400),
    (b"GET / HTTP/1.1\n", 400),
    (b"GET / HTTP/1.1\r\r\n", 400),
    (b" GET / HTTP/1.1\r\n", 400),
    (b"\nGET / HTTP/1.1\r\n", 400),
    (b"GET\t/ HTTP/1.1\r\n", 400),
    (b"GET /\x7f HTTP/1.1\r\n", 400),
    (b"GET /\0 HTTP/1.1\r\n", 400),
    (b"GET / http/1.1\r\n", 400),
    (b"GET / HTTP/11\r\n", 400),
    (b"GET / HTTP/1.10\r\n", 400),
    (b"GET / RTSP/1.0\r\n", 400),
    (b"SOURCE / ICE/1.0\r\n", 400),
    (b"HTTP/1.1 200 OK\r\n", 400),
    (b"BROKEN\r\n", 400),
    (b"G(T / HTTP/1.1\r\n", 400),
    (b"\x16\x03\x01\x02\x00", 400),
    (b"get / HTTP/1.1\r\n", 501),
    (b"PoST / HTTP/1.1\r\n", 501),
    (b"AB / HTTP/1.1\r\n", 501),
    (b"A" * 21 + b" / HTTP/1.1\r\n", 501),
    (b"GET / HTTP/2.0\r\n", 505),
    (b"GET / HTTP/1.2\r\n", 505),
    (b"GET / HTTP/0.9\r\n", 505),
]


def outcome(data: bytes) -> object:
    """The status of the refusal, the line, or None."""
    try:
        return read_line(data, 0)
    except BadLine as bad:
        return bad.status


@pytest.mark.parametrize(("line", "method", "target", "minor"), GOOD)
@pytest.mark.parametrize("before", [b"", b"xyz"])
def test_a_line_is_read_where_it_stands(
    line: bytes, method: bytes, target: bytes, minor: int, before: bytes
) -> None:
    """And no byte behind it."""
    asked = read_line(before + line + b"Host: a\r\n", len(before))
    assert asked is not None
    assert (asked.method, asked.target, asked.minor_version) == (method, target, minor)
    assert (asked.size, asked.end) == (len(line), len(before + line))
    assert asked.in_place == b"POST / HTTP/1.%d\r\n" % minor


@pytest.mark.parametrize("line", [row[0] for row in GOOD])
def test_the_beginning_of_a_line_is_waited_for(line: bytes) -> None:
    """Wherever it is cut."""
    assert [read_line(line[:cut], 0) for cut in range(len(line))] == [None] * len(line)


@pytest.mark.parametrize(("line", "status"), BAD)
def test_what_is_no_line_is_refused_as_soon_as_it_can_be_none(line: bytes, status: int) -> None:
    """With one status, wherever it is cut: none of its beginnings is a line."""
    found = {outcome(line[:cut]) for cut in range(len(line) + 1)}
    assert found <= {None, status}
    assert outcome(line) == status


def test_empty_lines_before_it_mean_nothing() -> None:
    """Whole ones."""
    assert behind_empty_lines(b"x\r\n\r\nGET", 1) == 5
    assert behind_empty_lines(b"\r\n\r", 0) == 2
    assert behind_empty_lines(b"GET", 0) == 0
