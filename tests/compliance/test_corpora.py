"""What gunicorn uses to test itself: everything invalid is refused, everything valid is served byte for
byte, but for what a stricter rule here refuses."""

import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.compliance.limits import TRIES
from tests.compliance.stricter import HERE, STRICTER
from tests.support.bytestream import ByteStream, ClosedEarlyError, Headers, split_head
from tests.support.ports import LOOPBACK
from tests.support.raw import RawClient
from tests.support.stage import OK, Stage, says

# The sizes are gunicorn's own defaults, which some of the files are made to exceed by a little; it counts the
# colon and the line end of a field too. (Our own defaults are 8 KiB for both.)
SETTINGS = """
[listen]
max_request_line = "4094 B"
max_field = "8186 B"
head_timeout = "200ms"
body_rate_window = "200ms"
idle_timeout = "300ms"
"""

FOLDER = Path(__file__).parents[2].parent / "shared/corpora/gunicorn-requests"
_ESCAPE = re.compile(rb"\\(r|n|t|0|x[0-9A-Fa-f]{2})")
_CHARACTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}


def files(kind: str) -> list[object]:
    """One case for each file; one that skips, and says so, where the folder is not there."""
    found = sorted((FOLDER / kind).glob("*.http"))
    absent = pytest.mark.skip(reason=f"{FOLDER / kind} is not there: the corpora are not part of the project")
    return [pytest.param(path, id=path.stem) for path in found] or [pytest.param(None, marks=absent)]


def decoded(path: Path) -> bytes:
    """The bytes to send: real newlines dropped, escapes read."""
    text = path.read_bytes().replace(b"\r", b"").replace(b"\n", b"")
    return _ESCAPE.sub(lambda found: _CHARACTERS.get(found[1]) or bytes([int(found[1][1:], 16)]), text)


def with_host(data: bytes) -> bytes:
    """Gunicorn serves HTTP/1.1 without a Host, rule 4 does not: a Host is added to each request that has
    none."""
    heads = re.compile(rb"([A-Z-]+ \S+ HTTP/1\.1\r\n)((?:[^\r]+\r\n)*)\r\n")

    def add(found: re.Match[bytes]) -> bytes:
        has = re.search(rb"(?im)^host:", found[2])
        return found[0] if has else found[1] + b"Host: added.example\r\n" + found[2] + b"\r\n"

    return heads.sub(add, data)


def requests_in(data: bytes) -> list[tuple[bytes, Headers, bytes]]:
    """The requests that these bytes are, read by the tests' own reader."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, ByteStream(theirs, timeout=30) as stream:
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        found: list[tuple[bytes, Headers, bytes]] = []
        try:
            while True:
                line, headers = split_head(stream.read_until(b"\r\n\r\n"))
                found.append((line.lstrip(b"\r\n"), headers, stream.read_body(headers)[0]))
        except ClosedEarlyError:
            return found


def answers(stage: Stage, data: bytes) -> bytes:
    """All that comes back. Who is closed without a word has idled, on a machine that stood still: again."""
    for _ in range(TRIES):
        stage.legacy.forget()
        with RawClient(stage.worker.port) as client:
            with suppress(BrokenPipeError, ConnectionResetError):
                client.send(data)
            if came := client.read_until_closed():
                return came
    return b""


@pytest.mark.parametrize("path", files("invalid"))
def test_invalid_is_refused(stage: Stage, path: Path) -> None:
    """With a 4xx or 5xx, and the connection is closed; an incomplete message when its time is over."""
    came = answers(stage, decoded(path))
    assert re.match(rb"HTTP/1\.1 [45]\d\d ", came), came[:200]
    assert came.count(b"\r\n\r\n") == 1
    for request in stage.legacy.requests:  # one that was begun before the fault was seen has no end
        assert request.get(b"Transfer-Encoding") == b"chunked"
        assert not stage.legacy.received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", files("valid"))
def test_valid_is_served_or_refused_by_a_named_rule(stage: Stage, path: Path) -> None:
    """What arrives is what was sent: line, unknown fields in order, body."""
    stage.legacy.plays(says(OK))
    data = with_host(decoded(path))
    came = answers(stage, data)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", came)]
    if path.stem in STRICTER:
        assert statuses[-1] == STRICTER[path.stem].status
        return
    if path.stem in HERE:
        assert statuses == [HERE[path.stem]]
        return
    expected = until_close(requests_in(data))
    assert statuses[: len(expected)] == [200] * len(expected)
    assert len(stage.legacy.requests) == len(expected)
    bodies = [body for _, _, body in requests_in(stage.legacy.received)]
    for (line, headers, body), got, got_body in zip(expected, stage.legacy.requests, bodies, strict=True):
        method, target, _ = line.split(b" ")
        assert got.line == b"%b %b HTTP/1.1" % (method, re.sub(rb"^https?://[^/]*", b"", target))
        assert got_body == body
        known = {name for name, _ in got.headers}
        kept = [
            (name, value)
            for name, value in headers
            if name in known and name.lower() not in (b"host", b"via", b"transfer-encoding")
        ]
        coded = any(name.lower() == b"transfer-encoding" for name, _ in headers)
        assert got.all(b"Transfer-Encoding") == [b"chunked"] * coded
        assert [pair for pair in got.headers if pair in kept] == kept


def until_close(requests: list[tuple[bytes, Headers, bytes]]) -> list[tuple[bytes, Headers, bytes]]:
    """Those that may be served: nothing behind a request that ends its connection."""
    for index, (line, headers, _) in enumerate(requests):
        close = any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)
        if close or line.endswith(b"HTTP/1.0"):
            return requests[: index + 1]
    return requests


def test_every_named_refusal_is_a_file_that_is_there() -> None:
    """A rule without its case would be an excuse."""
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not there: the corpora are not part of the project")
    stems = {path.stem for path in (FOLDER / "valid").glob("*.http")}
    assert set(STRICTER) | set(HERE) <= stems
    assert len(stems) == 50
