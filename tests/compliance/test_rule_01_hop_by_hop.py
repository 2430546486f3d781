"""Rule 1: what belongs to one connection ends there, in both directions (RFC 9110 section 7.6.1)."""

from tests.support.raw import UpstreamRequest
from tests.support.stage import Stage, answer, get, says

HOP_BY_HOP = (
    b"Keep-Alive: timeout=5",
    b"Proxy-Connection: keep-alive",
    b"TE: trailers",
    b"Trailer: X-Sum",
    b"Proxy-Authorization: Basic c2VjcmV0",
    b"Upgrade: h2c",
)


def names(request: UpstreamRequest) -> list[bytes]:
    """The names of its fields in lower case."""
    return [name.lower() for name, _ in request.headers]


def test_fields_of_one_connection_do_not_reach_the_upstream(stage: Stage) -> None:
    """All of them are dropped, and what stood between them is not."""
    with stage.client() as client:
        client.exchange(get(b"/", *HOP_BY_HOP, b"X-Kept: 1", b"Connection: keep-alive"))
    request = stage.legacy.last()
    dropped = {line.partition(b":")[0].lower() for line in HOP_BY_HOP} | {b"connection"}
    assert not dropped & set(names(request))
    assert request.get(b"X-Kept") == b"1"


def test_fields_that_connection_names_end_here(stage: Stage) -> None:
    """Also when it is repeated, in any case, and with spaces."""
    lines = (b"Connection: close, X-One", b"connection:  x-TWO ,,", b"X-One: 1", b"X-Two: 2", b"X-Three: 3")
    with stage.client() as client:
        client.exchange(get(b"/", *lines))
    assert {b"x-one", b"x-two", b"connection"}.isdisjoint(names(stage.legacy.last()))
    assert stage.legacy.last().get(b"X-Three") == b"3"


def test_connection_removes_nothing_of_ours(stage: Stage) -> None:
    """What the gateway says about the client is added after the removal."""
    line = (
        b"Connection: close, X-Forwarded-For, Forwarded, Via, Host, traceparent, X-Request-Id, Content-Length"
    )
    with stage.client() as client:
        client.exchange(get(b"/", line, b"Content-Length: 0"))
    request = stage.legacy.last()
    for name in (b"X-Forwarded-For", b"Forwarded", b"Via", b"Host", b"traceparent", b"X-Request-Id"):
        assert len(request.all(name)) == 1, name
    assert request.all(b"Content-Length") == [b"0"]


def test_fields_of_the_upstreams_connection_do_not_reach_the_client(stage: Stage) -> None:
    """The same on the way back."""
    lines = (b"Connection: X-Private, keep-alive", b"Keep-Alive: timeout=5", b"X-Private: 1", b"X-Public: 2")
    stage.legacy.plays(says(answer(b"ok", *lines, b"Proxy-Connection: x", b"Upgrade: h2c", b"Trailer: A")))
    with stage.client() as client:
        response = client.exchange(get())
    got = {name.lower() for name, _ in response.headers}
    assert got == {b"date", b"x-public", b"content-length", b"via"}


def test_an_answers_length_is_not_its_connections_to_name(stage: Stage) -> None:
    """It would have no end that the client could see, and the next answer would be taken for its rest."""
    stage.legacy.plays(says(answer(b"ok", b"Connection: Content-Length, Date")))
    with stage.client() as client:
        for _ in range(2):
            response = client.exchange(get())
            assert (response.body, response.until_close) == (b"ok", False)
            assert len(response.all(b"Date")) == 1


def test_an_interim_answer_loses_them_too(stage: Stage) -> None:
    """An informational answer has a head like any other."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: X-P\r\nX-P: 1\r\nKeep-Alive: 1\r\n\r\n"
    stage.legacy.plays(says(early + answer(b"ok")))
    with stage.client() as client:
        client.send(get())
        assert client.read_head() == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        assert client.read_response().body == b"ok"


def test_trailers_of_either_side_do_not_pass_as_fields(stage: Stage) -> None:
    """A hop-by-hop name behind a body is nobody's either."""
    chunked = b"2\r\nhi\r\n0\r\nConnection: X-A\r\nX-A: 1\r\n\r\n"
    stage.legacy.plays(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked))
    with stage.client() as client:
        response = client.exchange(get(b"/", b"Transfer-Encoding: chunked", method=b"POST") + chunked, "POST")
    assert (response.body, response.trailers) == (b"hi", [])
    assert b"x-a" not in names(stage.legacy.last())
