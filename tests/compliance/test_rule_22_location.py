"""Rule 22: an upstream's own address in Location and Content-Location becomes the public one."""

import pytest

from tests.support.stage import Stage, answer, get, says


def located(stage: Stage, value: bytes, name: bytes = b"Location") -> bytes | None:
    """What the client gets when the application answers this."""
    stage.legacy.plays(says(answer(b"", b"%b: %b" % (name, value), status=b"307 Temporary Redirect")))
    with stage.client() as client:
        return client.exchange(get(b"/a")).get(name)


@pytest.mark.parametrize("name", [b"Location", b"Content-Location", b"location"])
def test_the_upstreams_own_address_is_rewritten(stage: Stage, name: bytes) -> None:
    """To the host that the client asked for."""
    own = b"127.0.0.1:%d" % stage.legacy.port
    for value, expected in (
        (b"http://%b/a/?q=http://%b/" % (own, own), b"http://example.com/a/?q=http://%b/" % own),
        (b"HTTP://%b" % own, b"http://example.com"),
        (b"http://%b?x" % own, b"http://example.com?x"),
        (b"//%b/a" % own, b"http://example.com/a"),
        (b"http://127.0.0.1:%d/b" % stage.new.port, b"http://example.com/b"),
    ):
        assert located(stage, value, name) == expected


def test_anything_else_stays(stage: Stage) -> None:
    """Relative ones, other hosts, and what only begins alike."""
    own = b"127.0.0.1:%d" % stage.legacy.port
    for value in (
        b"/a/",
        b"a/",
        b"http://elsewhere.example/" + own,
        b"http://%b1/x" % own,
        b"http://%b.evil.example/x" % own,
        b"http://%b@evil.example/x" % own,
        b"http://user@%b/x" % own,
        b"ftp://%b/x" % own,
    ):
        assert located(stage, value) == value


def test_another_field_with_an_address_stays(stage: Stage) -> None:
    """Only these two are addresses of the answer itself."""
    value = b"http://127.0.0.1:%d/a" % stage.legacy.port
    assert located(stage, value, b"Link") == value
