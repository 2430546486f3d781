"""One oracle for every hostile payload: see ``tests/support/smuggling.py``. Split over a few tests so that a
failure names its kind."""

import pytest

from tests.support.payloads import SEED, Payload, payloads
from tests.support.raw import UpstreamRequest
from tests.support.smuggling import SETTINGS, Oracle, _unclear
from tests.support.stage import Stage

__all__ = ["SETTINGS"]

ALL = payloads()
PARTS = 8


def test_there_are_many_and_they_are_the_same_every_time() -> None:
    """At least five hundred, each of its own, from one seed."""
    assert len(ALL) >= 500
    assert len({payload.data for payload in ALL}) > 800
    assert payloads(SEED) == ALL
    assert payloads(SEED + 1) != ALL


@pytest.mark.parametrize("part", range(PARTS))
def test_the_gateway_holds(stage: Stage, part: int) -> None:
    """Refused, or accounted for, one framing and one Host each; every sentinel gets its own answer."""
    findings = Oracle(stage).run(ALL[part::PARTS])
    assert [(one.payload.name, one.why, one.answer) for one in findings] == []


def test_the_oracle_sees_what_it_is_for(stage: Stage) -> None:
    """A gateway that let two requests through for one answer would not pass, nor one with two framings."""
    oracle = Oracle(stage)
    seen = [
        UpstreamRequest(0, b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n, [(b"Host", b"a")], b"", [])
        for n in range(2)
    ]
    payload = Payload("smuggled", b"")
    assert oracle._accounted(payload, b"HTTP/1.1 200 OK\r\n\r\n", seen)
    assert not oracle._accounted(payload, b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", seen)
    two = [(b"Host", b"a"), (b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")]
    assert _unclear(UpstreamRequest(0, b"", two, b"", []))
    assert _unclear(UpstreamRequest(0, b"", [(b"Host", b"a")] * 2, b"", []))
    assert _unclear(
        UpstreamRequest(0, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", [(b"Host", b"a")], b"", [])
    )
