"""Fields: which end here, which pass, which facts they carry."""

import pytest

from gateway.core.headers import BadFields, cookie_value, read_request_fields, read_response_fields

HOST = (b"Host", b"a")


def test_what_the_table_does_not_name_passes_untouched() -> None:
    """In order, repeated, with its spelling."""
    fields = [(b"x-A", b"1"), (b"Accept", b"*/*"), (b"X-a", b""), (b"x-A", b"1, 2")]
    assert read_request_fields([HOST, *fields]).kept == fields


@pytest.mark.parametrize(
    "name",
    [
        b"Keep-Alive",
        b"Proxy-Connection",
        b"TE",
        b"Trailer",
        b"HTTP2-Settings",
        b"Proxy-Authorization",
        b"Banyan-Shadow",
        b"banyan_shadow",
        b"Content_Length",
        b"TRANSFER_ENCODING",
    ],
)
def test_what_ends_here(name: bytes) -> None:
    """Whatever its case."""
    assert read_request_fields([HOST, (name, b"x"), (b"A", b"b")]).kept == [(b"A", b"b")]


def test_facts_of_a_request() -> None:
    """Each is read, and leaves the fields that pass."""
    facts = read_request_fields(
        [
            (b"HOST", b"a:80"),
            (b"Connection", b"Keep-Alive, Upgrade"),
            (b"Upgrade", b"WebSocket"),
            (b"Content-Length", b"007"),
            (b"Expect", b"100-Continue"),
            (b"Via", b"1.1 x"),
            (b"via", b"1.1 y"),
            (b"Max-Forwards", b"3"),
            (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            (b"X-Request-Id", b"abc"),
        ]
    )
    assert facts.kept == []
    assert (facts.host, facts.length, facts.keep_alive, facts.close) == (b"a:80", 7, True, False)
    assert (facts.upgrade, facts.expects_continue) == (b"websocket", True)
    assert (facts.via, facts.max_forwards) == (b"1.1 x, 1.1 y", 3)
    assert (facts.traceparent[:5], facts.request_id) == (b"00-0a", b"abc")


def test_cookies_are_read_together_and_pass() -> None:
    """Several Cookie fields are one list (RFC 6265 says one; HTTP/2 front ends split them)."""
    facts = read_request_fields([HOST, (b"Cookie", b"a=1"), (b"cookie", b"b=2")])
    assert facts.cookie == b"a=1; b=2"
    assert facts.kept == [(b"Cookie", b"a=1"), (b"cookie", b"b=2")]


def test_named_by_connection() -> None:
    """Those fields end here; the gateway's own rules about them stay."""
    facts = read_request_fields(
        [
            HOST,
            (b"Connection", b"close, X-A,Host, Idempotency-Key"),
            (b"x-a", b"1"),
            (b"Idempotency-Key", b"k"),
        ]
    )
    assert (facts.kept, facts.close, facts.host, facts.idempotency_key) == ([], True, b"a", False)


@pytest.mark.parametrize(
    "name",
    [
        b"X-Forwarded-For",
        b"x_forwarded_for",
        b"X-Forwarded_Proto",
        b"X-Forwarded-Prefix",
        b"X_Forwarded-Anything",
        b"X-Real-IP",
        b"x_real_ip",
        b"Forwarded",
    ],
)
def test_claims_about_the_client_are_put_aside(name: bytes) -> None:
    """In every spelling."""
    facts = read_request_fields([HOST, (name, b"6.6.6.6")])
    assert (facts.kept, facts.forwarding) == ([], [(name, b"6.6.6.6")])


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [HOST, HOST],
        [(b"Host", b"")],
        [(b"Host", b"a/b")],
        [HOST, (b"Content-Length", b"+1")],
        [HOST, (b"Content-Length", b"1, 1")],
        [HOST, (b"Content-Length", b"\xb2")],
        [HOST, (b"Content-Length", b"1" * 19)],
        [HOST, (b"Content-Length", b"1"), (b"Content-Length", b"1")],
        [HOST, (b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")],
        [HOST, (b"Transfer-Encoding", b"gzip, chunked")],
        [HOST, (b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")],
        [HOST, (b"Expect", b"more")],
        [HOST, (b"Max-Forwards", b"x")],
        [HOST, (b"Content-Type", b"a/b"), (b"content-type", b"c/d")],
    ],
)
def test_fields_that_break_a_rule(fields: list[tuple[bytes, bytes]]) -> None:
    """Refused, never repaired."""
    with pytest.raises(BadFields):
        read_request_fields(fields)


def test_http_1_0() -> None:
    """No Host is needed; chunks are not allowed (RFC 9112 section 6.1)."""
    assert read_request_fields([], http10=True).host == b""
    with pytest.raises(BadFields):
        read_request_fields([(b"Transfer-Encoding", b"chunked")], http10=True)
    with pytest.raises(BadFields):
        read_request_fields([HOST, HOST], http10=True)


@pytest.mark.parametrize(
    "value",
    [
        b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        b"x",
        b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    ],
)
def test_a_trace_that_is_none_is_not_taken_over(value: bytes) -> None:
    """W3C Trace Context section 3.2.2."""
    assert read_request_fields([HOST, (b"traceparent", value)]).traceparent == b""


def test_facts_of_an_answer() -> None:
    """What ends here, what passes, one Date."""
    facts = read_response_fields(
        [
            (b"Date", b"one"),
            (b"Set-Cookie", b"a=1"),
            (b"Connection", b"close, X-Hop"),
            (b"X-Hop", b"1"),
            (b"Keep-Alive", b"x"),
            (b"Trailer", b"x"),
            (b"Set-Cookie", b"b=2"),
            (b"date", b"two"),
            (b"Content-Length", b"5"),
            (b"Location", b"/"),
        ]
    )
    assert [name for name, _ in facts.kept] == [
        b"Date",
        b"Set-Cookie",
        b"Set-Cookie",
        b"Content-Length",
        b"Location",
    ]
    assert (facts.length, facts.close, facts.dated, facts.location) == (5, True, True, True)


@pytest.mark.parametrize(
    ("value", "shareable"),
    [
        (b"public", True),
        (b"private", False),
        (b"No-Store", False),
        (b"max-age=1, private", False),
        (b'private="x"', True),
        (b"not-private", True),
    ],
)
def test_who_may_share_an_answer(value: bytes, shareable: bool) -> None:
    """RFC 9111 section 5.2.2."""
    assert read_response_fields([(b"Cache-Control", value)]).shareable is shareable


def test_the_same_length_twice_is_one_length_of_an_answer() -> None:
    """RFC 9112 section 6.3 allows it; two that differ are refused, and so is a length beside chunks."""
    twice = [(b"Content-Length", b"5")] * 2
    assert read_response_fields(twice).kept == [(b"Content-Length", b"5")]
    for second in ((b"Content-Length", b"6"), (b"Transfer-Encoding", b"chunked")):
        with pytest.raises(BadFields):
            read_response_fields([(b"Content-Length", b"5"), second])
    with pytest.raises(BadFields):
        read_response_fields([(b"Transfer-Encoding", b"gzip")])


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        (b"a=1", b"1"),
        (b"b=2; a=1", b"1"),
        (b"ba=2;a=1", b"1"),
        (b'a="1"', b"1"),
        (b"a=1; a=2", b"1"),
        (b"a=", b""),
        (b"ba=1", None),
        (b"", None),
        (b"a", None),
        (b"b=a=1", None),
    ],
)
def test_one_cookie(cookie: bytes, value: bytes | None) -> None:
    """The first of its name, without quotes."""
    assert cookie_value(cookie, b"a") == value
