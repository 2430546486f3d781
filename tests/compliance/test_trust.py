"""Trust: nobody's word about the client is believed but a trusted proxy's, and no request leads anywhere
else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path

import pytest

from tests.support.exchanges import all_captured
from tests.support.raw import Pause, RawClient, ScriptedUpstream, Send, answering
from tests.support.stage import OK, Stage, answer, get, open_stage, says, steps

SETTINGS = """
[listen]
trusted_proxies = ["127.0.0.2/32"]
"""
CLAIMS = (
    b"X-Forwarded-For: 6.6.6.6",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: evil.example",
    b"X-Forwarded-Port: evil-666",
    b"X-Forwarded-Prefix: /evil",
    b"X-Forwarded-Ssl: on",
    b"X-Real-IP: 6.6.6.6",
    b"Forwarded: for=6.6.6.6;proto=https",
)


@contextmanager
def client_from(stage: Stage, address: str) -> Iterator[RawClient]:
    """A client that connects from this loopback address."""
    client = RawClient.__new__(RawClient)
    sock = socket.socket()
    sock.bind((address, 0))
    sock.connect(("127.0.0.1", stage.worker.port))
    super(RawClient, client).__init__(sock, 5)
    with client:
        yield client


def spellings(line: bytes) -> list[bytes]:
    """A field with each of its hyphens also as an underscore."""
    name, _, value = line.partition(b":")
    parts = name.split(b"-")
    joints = product((b"-", b"_"), repeat=len(parts) - 1)
    joined = [b"".join(a + b for a, b in zip(parts, (*joint, b""), strict=True)) for joint in joints]
    return [spelling + b":" + value for spelling in joined]


@pytest.mark.parametrize("line", CLAIMS)
def test_claims_of_anybody_are_removed_in_every_spelling(stage: Stage, line: bytes) -> None:
    """Some servers read an underscore as a hyphen."""
    for spelling in spellings(line):
        with stage.client() as client:
            client.exchange(get(b"/", spelling, spelling.upper().replace(b"X_F", b"x_F")))
        value = line.partition(b": ")[2]
        received = stage.legacy.received.replace(b"X-Forwarded-Proto: http\r\n", b"")
        assert value not in received.partition(b"\r\n\r\n")[0]
        stage.legacy.reset()


def test_what_is_said_of_an_untrusted_client(stage: Stage) -> None:
    """Its address, scheme and host, once each."""
    with stage.client() as client:
        client.exchange(get(b"/", *CLAIMS))
    request = stage.legacy.last()
    assert request.all(b"X-Forwarded-For") == [b"127.0.0.1"]
    assert request.all(b"X-Forwarded-Proto") == [b"http"]
    assert request.all(b"X-Forwarded-Host") == [b"example.com"]
    assert request.all(b"Forwarded") == [b'for=127.0.0.1;host="example.com";proto=http']


def test_a_trusted_proxy_is_believed_and_its_chain_continued(stage: Stage) -> None:
    """What else it says of the family passes too, but not in disguise."""
    lines = (*CLAIMS, b"X-Forwarded-For: 7.7.7.7", b"X_Forwarded_For: 8.8.8.8")
    with client_from(stage, "127.0.0.2") as client:
        client.exchange(get(b"/", *lines))
    request = stage.legacy.last()
    assert request.all(b"X-Forwarded-For") == [b"6.6.6.6, 7.7.7.7, 127.0.0.2"]
    assert request.all(b"X-Forwarded-Proto") == [b"https"]
    assert request.all(b"X-Forwarded-Host") == [b"evil.example"]
    assert request.all(b"X-Forwarded-Prefix") == [b"/evil"]
    assert request.all(b"X-Real-IP") == [b"6.6.6.6"]
    assert request.all(b"Forwarded") == [
        b'for=6.6.6.6;proto=https, for=127.0.0.2;host="example.com";proto=http'
    ]
    assert b"8.8.8.8" not in request.head


def test_an_address_beside_the_trusted_network_is_not_trusted(stage: Stage) -> None:
    """127.0.0.3 is somebody else."""
    with client_from(stage, "127.0.0.3") as client:
        client.exchange(get(b"/", *CLAIMS))
    assert stage.legacy.last().all(b"X-Forwarded-For") == [b"127.0.0.3"]


def test_the_copy_says_who_asked_and_not_who_said_the_same_since(tmp_path: Path) -> None:
    """Two clients at two addresses with the very same fields: each copy names its own."""
    (tmp_path / "runtime").mkdir()
    with socket.socket(socket.AF_UNIX) as shadow:
        shadow.bind(str(tmp_path / "runtime" / "shadow-0.sock"))
        shadow.listen(1)
        with open_stage(tmp_path) as stage:
            connection, _ = shadow.accept()
            connection.settimeout(30)
            stage.legacy.plays(steps(Pause(0.5), Send(OK)))
            with connection, client_from(stage, "127.0.0.2") as one, client_from(stage, "127.0.0.3") as other:
                one.send(get(b"/orders/1"))
                stage.legacy.upstream.wait_for_requests(1)
                other.send(get(b"/orders/1"))
                copies = list(islice(all_captured(connection), 2))
    named = [copy.added.partition(b"\r\n")[0] for copy in copies]
    assert named == [b"X-Forwarded-For: 127.0.0.2", b"X-Forwarded-For: 127.0.0.3"]


def test_a_location_becomes_the_address_that_the_trusted_proxy_names(stage: Stage) -> None:
    """It knows what the client sees."""
    own = b"Location: http://127.0.0.1:%d/a" % stage.legacy.port
    stage.legacy.plays(says(answer(b"", own)))
    with client_from(stage, "127.0.0.2") as client:
        response = client.exchange(get(b"/", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: shop.example"))
        assert response.get(b"Location") == b"https://shop.example/a"


@pytest.mark.parametrize(
    "target",
    [
        b"http://127.0.0.1:%d/",
        b"//127.0.0.1:%d/",
        b"/\\127.0.0.1:%d/",
        b"http://127.0.0.1:%d",
        b"/http://127.0.0.1:%d/",
    ],
)
def test_no_request_opens_a_connection_anywhere_else(stage: Stage, target: bytes) -> None:
    """The address comes from the configuration only."""
    stage.legacy.plays(says(answer(b"", b"Location: /x", status=b"302 Found")))
    with ScriptedUpstream(answering(OK)) as elsewhere, stage.client() as client:
        host = b"127.0.0.1:%d" % elsewhere.port
        lines = (b"X-Forwarded-Host: " + host, b"Forwarded: host=" + host, b"X-Original-URL: http://" + host)
        client.exchange(get(target % elsewhere.port, *lines))
        client.exchange(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
        assert elsewhere.connections == []
    assert len(stage.legacy.requests) == 2


def test_the_mark_of_the_shadow_is_taken_from_clients(stage: Stage) -> None:
    """Only the shadow process sets it."""
    with stage.client() as client:
        client.exchange(get(b"/", b"Banyan-Shadow: 1", b"banyan_shadow: 1"))
    assert b"shadow" not in stage.legacy.last().head.lower()


def test_ids_are_taken_over_only_when_they_are_ids(stage: Stage) -> None:
    """Anything else is replaced."""
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with stage.client() as client:
        client.exchange(get(b"/", b"traceparent: " + trace, b"X-Request-Id: abc-1"))
        client.exchange(get(b"/", b"traceparent: evil", b"X-Request-Id: a b"))
    first, second = stage.legacy.requests
    assert (first.all(b"traceparent"), first.all(b"X-Request-Id")) == ([trace], [b"abc-1"])
    assert b"evil" not in second.head
    assert len(second.get(b"X-Request-Id") or b"") == 32
