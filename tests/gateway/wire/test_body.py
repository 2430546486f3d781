"""A request's body on its way upstream."""

from gateway.wire import RequestBody


def test_with_a_length_it_goes_as_it_came() -> None:
    """Each piece once."""
    body = RequestBody(10, chunked=False)
    body.add(b"ab")
    body.add(b"cd")
    assert body.unsent() == b"abcd"
    assert body.unsent() == b""
    body.add(b"e")
    body.done = True
    assert body.unsent() == b"e"
    assert (body.whole(), body.kept, body.size) == (b"abcde", True, 5)


def test_chunked_it_is_framed_and_ended() -> None:
    """The end goes out with what is unsent when it is known."""
    body = RequestBody(100, chunked=True)
    body.add(b"a" * 16)
    assert body.unsent() == b"10\r\n" + b"a" * 16 + b"\r\n"
    body.add(b"b")
    body.done = True
    assert body.unsent() == b"1\r\nb\r\n0\r\n\r\n"


def test_again_from_its_beginning() -> None:
    """For a second attempt."""
    body = RequestBody(100, chunked=True)
    body.add(b"a")
    body.unsent()
    body.done = True
    body.again()
    assert body.unsent() == b"1\r\na\r\n0\r\n\r\n"


def test_beyond_the_bound_it_is_sent_and_not_kept() -> None:
    """Nothing of it stays, and this is said."""
    body = RequestBody(3, chunked=False)
    body.add(b"abc")
    assert body.unsent() == b"abc"
    assert body.kept
    body.add(b"d")
    assert body.unsent() == b"d"
    assert (body.kept, body.whole()) == (False, b"")
    body.add(b"e")
    assert body.unsent() == b"e"
    assert (body.size, body.whole()) == (5, b"")
