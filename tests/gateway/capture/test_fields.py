"""Header fields as lines, and back."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.capture.fields import headers_of, lines_of

NAMES = st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True)
VALUES = st.binary(max_size=20).map(lambda value: value.translate(None, b"\r\n\0").strip(b" \t"))
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(tuple)


@given(HEADERS)
def test_what_is_written_is_what_is_read(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Whatever a parser lets through: order, repetition, empty values, colons in values."""
    assert headers_of(lines_of(headers)) == headers


def test_the_same_lines_are_the_same_tuple() -> None:
    """So who looks at it knows that it has been looked at."""
    lines = b"Host: a\r\nX: b: c\r\n"
    assert headers_of(lines) is headers_of(bytes(bytearray(lines)))
    assert headers_of(lines) == ((b"Host", b"a"), (b"X", b"b: c"))


def test_what_is_long_is_read_each_time() -> None:
    """It would hold too much memory."""
    lines = b"X: %b\r\n" % (b"y" * 5000)
    assert headers_of(lines) == ((b"X", b"y" * 5000),)
    assert headers_of(lines) is not headers_of(bytes(bytearray(lines)))
