"""Rule 2: unknown fields pass; order and repetition stay (RFC 9110 sections 5.1 and 5.3)."""

from tests.support.stage import Stage, answer, get, says


def test_three_cookies_with_commas_arrive_as_three_in_order(stage: Stage) -> None:
    """A comma in a date must not be taken for a list."""
    cookies = [b"%b=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT" % name for name in (b"a", b"b", b"c")]
    stage.legacy.plays(says(answer(b"", *(b"Set-Cookie: " + cookie for cookie in cookies))))
    with stage.client() as client:
        assert client.exchange(get()).all(b"Set-Cookie") == cookies


def test_request_fields_keep_spelling_order_and_repetition(stage: Stage) -> None:
    """What nobody here knows passes byte for byte."""
    lines = [
        b"x-UPPER: 1",
        b"X-A: one",
        b"Accept: */*",
        b"X-A: two, three",
        b"X-Empty: ",
        b"!#$%&'*+-.^_`|~: ok",
    ]
    with stage.client() as client:
        client.exchange(get(b"/", *lines))
    head = stage.legacy.last().head
    at = [head.index(line) for line in lines]
    assert at == sorted(at)
    assert b"X-Empty: \r\n" in head


def test_answer_fields_keep_spelling_order_and_repetition(stage: Stage) -> None:
    """The same on the way back, with bytes that are no ASCII."""
    lines = [
        b"sErVer: app/1",
        b"Link: <a>",
        b"X-Obs: caf\xe9",
        b"Link: <b>, <c>",
        b"WWW-Authenticate: x, y=z",
    ]
    stage.legacy.plays(says(answer(b"", *lines)))
    with stage.client() as client:
        head = client.exchange(get()).head
    at = [head.index(line + b"\r\n") for line in lines]
    assert at == sorted(at)


def test_a_field_that_two_readers_may_take_two_of_is_refused(stage: Stage) -> None:
    """Two content types: one application would read the first, the other the last."""
    stage.closes(get(b"/", b"Content-Type: text/plain", b"content-type: text/html"), 400)
    assert not stage.legacy.requests


def test_the_reason_phrase_passes(stage: Stage) -> None:
    """Also an unusual one, and none at all."""
    stage.legacy.plays(says(answer(b"", status=b"299 Well \xe9nough"), answer(b"", status=b"200 ")))
    with stage.client() as client:
        assert client.exchange(get()).head.startswith(b"HTTP/1.1 299 Well \xe9nough\r\n")
        assert client.exchange(get()).head.startswith(b"HTTP/1.1 200 OK\r\n")
