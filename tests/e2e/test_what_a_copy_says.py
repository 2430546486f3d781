"""What the other side is told with a copy is what the primary was told of the same request."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.attempts import WAIT, Attempts
from tests.e2e.between import JSON, Asked, Says, between
from tests.support.raw import RawClient

SAYS_WHO_ASKED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded")
IN_FRONT = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Port": "443",
}


@pytest.mark.parametrize("trusted", [True, False], ids=["behind a proxy", "from anybody"])
def test_who_asked_is_said_to_both_sides(tmp_path: Path, trusted: bool) -> None:
    """An application that redirects to https or builds absolute addresses by it does the same on both."""

    def application(asked: Asked) -> Says:
        seen.append((asked.is_shadow, {name: asked.headers.get(name, "") for name in SAYS_WHO_ASKED}))
        secure = asked.headers.get("x-forwarded-proto") == "https"
        return Says(status=200 if secure else 307, headers=(*JSON, ("Location", "https://shop.example/")))

    seen: list[tuple[bool, dict[str, str]]] = []
    listen = 'trusted_proxies = ["127.0.0.0/8"]' if trusted else ""
    with between(tmp_path, application, application, shadow="control_twice = 0", listen=listen) as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            del seen[:]
            asked = IN_FRONT | {"X-User": user}
            answer = httpx.get(f"{gateway.url}/orders", headers=asked, trust_env=False, timeout=WAIT)
            assert answer.status_code == (200 if trusted else 307)

        attempts.until(attempt, {"match": 1})
    told = dict(seen)
    assert told[True] == told[False]
    assert told[False]["x-forwarded-proto"] == ("https" if trusted else "http")


def test_a_copy_asks_for_the_very_bytes(tmp_path: Path) -> None:
    """Those above ASCII too, which many programs write as they are, and by whatever method."""
    target = b"/orders/caf\xc3\xa9?q=\xe9\xff&r=%C3%A9"

    def application(asked: Asked) -> Says:
        seen.append((asked.is_shadow, asked.method, asked.target.encode("latin-1")))
        return Says(headers=(*JSON, ("Banyan-Shadow", "honoured")))

    seen: list[tuple[bool, str, bytes]] = []
    with between(tmp_path, application, application, shadow="control_twice = 0") as gateway:
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            del seen[:]
            with RawClient(int(gateway.url.rpartition(":")[2])) as client:
                for method in (b"GET", b"FOO"):
                    fields = b"Host: a\r\nX-User: %b\r\n\r\n" % user.encode()
                    assert client.exchange(b"%b %b HTTP/1.1\r\n%b" % (method, target, fields)).status == 200

        attempts.until(attempt, {"match": 2})
    asked = [each for each in sorted(seen) if each[2] != b"/"]  # whether it honours the word
    assert asked == [(shadow, method, target) for shadow in (False, True) for method in ("FOO", "GET")]
