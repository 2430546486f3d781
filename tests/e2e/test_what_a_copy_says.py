"""What the other side is told with a copy is what the primary was told of the same request."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.attempts import WAIT, Attempts
from tests.e2e.between import JSON, Asked, Says, between

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
