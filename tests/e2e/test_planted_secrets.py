"""Unique secrets planted in every place one can be, driven through proxy, shadow, findings and goldens, then
searched for in every file, page, metric and answer: raw, in base64 and URL-encoded."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import httpx
import pytest

from tests.e2e.between import JSON, PATIENCE, Asked, Between, Says, between
from tests.support.ports import wait_until
from tests.support.spawn import ROOT


class Planted:
    """Makes secrets and remembers where each was planted."""

    def __init__(self) -> None:
        self.where: dict[str, str] = {}

    def __call__(self, where: str, secret: str = "") -> str:
        """A new secret, or one that must look like something."""
        secret = secret or "Sx" + secrets.token_hex(12)
        self.where[secret] = where
        return secret

    def email(self, where: str) -> str:
        """An address."""
        return self(where, f"u{secrets.token_hex(8)}@mail.example")

    def card(self, where: str) -> str:
        """Sixteen digits."""
        return self(where, "4" + "".join(secrets.choice("0123456789") for _ in range(15)))

    def jwt(self, where: str) -> str:
        """A token in three parts."""
        part = base64.urlsafe_b64encode(secrets.token_bytes(24)).decode().rstrip("=")
        return self(where, f"eyJhbGciOiJIUzI1NiJ9.{part}.{part[::-1]}")


plant = Planted()
REQUEST = "a-request"
"""What its id begins with: a trace, and no secret."""


def answer_of(side: str, asked: Asked) -> Says:
    """An answer full of secrets that differs between the sides, so that it is stored."""
    kind = asked.headers.get("x-kind", "json")
    where = f"{side}'s {kind} answer"
    headers = (
        ("Set-Cookie", f"sid={plant(f'{side} cookie')}; Path=/; HttpOnly"),
        ("X-Api-Key", plant(f"{side} header")),
        ("Location", f"/next?token={plant(f'{side} location')}"),
    )
    if kind == "html":
        page = (
            f"<html><body><p>{side} {plant.email(where)}</p><form>"
            f'<input type="hidden" name="csrf_token" value="{plant(where)}"></form></body></html>'
        )
        return Says(page.encode(), headers=(("Content-Type", "text/html"), *headers))
    if kind == "events":
        data = json.dumps({"text": f"{side} {plant.email(where)}", "token": plant(where)})
        return Says(f"data: {data}\n\n".encode(), headers=(("Content-Type", "text/event-stream"), *headers))
    value = {
        "side": side,
        "password": plant(where),
        "user": {"email": plant.email(where), "cardNumber": plant.card(where)},
        "items": [{"access_token": plant.jwt(where), "note": f"write to {plant.email(where)}"}],
        plant.email(f"{where}, a key"): 1,
    }
    body = json.dumps(value).encode()
    if kind == "gzip":
        return Says(gzip.compress(body), headers=(("Content-Encoding", "gzip"), *JSON, *headers))
    status = 500 if kind == "failing" else 200
    return Says(body, status, headers=(*JSON, *headers))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    folder = tmp_path_factory.mktemp("secrets")
    with between(
        folder,
        lambda asked: answer_of("legacy", asked),
        lambda asked: answer_of("new", asked),
        shadow='control_twice = 100\nrules = "rules.toml"',
        feature_shadow='{ percent = 100, writes = "isolated" }',
    ) as running:
        yield running


def requests(client: httpx.Client) -> None:
    """Secrets in every place of a request."""
    for kind in ("json", "html", "events", "gzip", "failing"):
        client.get(
            "/api/orders",
            params={"email": plant.email("query"), "api_key": plant("query"), "password": plant("query")},
            headers={
                "X-Kind": kind,
                "Authorization": f"Bearer {plant('authorization')}",
                "Cookie": f"session={plant('cookie')}; theme={plant('another cookie')}",
                "X-Api-Key": plant("header"),
                "X-Auth-Token": plant("header"),
                "Referer": f"http://shop.example/?token={plant('referer')}",
                "X-Request-Id": f"{REQUEST}-{kind}",
                "traceparent": f"00-{plant('traceparent')}",
                "tracestate": f"shop={plant.jwt('tracestate')},token={plant('tracestate')}",
                "baggage": f"user={plant.email('baggage')},auth_token={plant('baggage')}",
            },
        )
    client.get(f"/api/users/{plant.email('path')}/orders", headers={"X-Kind": "json"})


def found_in(text: bytes, secret: str) -> bool:
    """Whether it is there: raw, URL-encoded, or in base64 at any offset."""
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret.encode())
        forms.add(coded[4 if shift else 0 : -4].decode())
    return any(form.encode() in text for form in forms)


def everything(gateway: Between) -> Iterator[tuple[str, bytes]]:
    """Every file the gateway wrote or holds open, and everything it says."""
    for file in gateway.folder.rglob("*"):
        with suppress(FileNotFoundError):  # one that was there for a moment
            if file.is_file():
                yield str(file), file.read_bytes()
    for database in gateway.folder.rglob("*.sqlite"):
        lines = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=PATIENCE).iterdump()
        yield f"{database} dumped", "\n".join(lines).encode()
    for pid in [gateway.process.pid, *gateway.children("gateway.")]:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed by now
                target = str(link.readlink()) if link.exists() else ""
                if target.startswith("/") and Path(target).is_file() and "site-packages" not in target:
                    yield target, Path(target).read_bytes()
    token = (gateway.folder / "state" / "admin-token").read_text().strip()
    with httpx.Client(base_url=gateway.admin, trust_env=False, timeout=PATIENCE) as admin:
        for path in ("/", "/dashboard.js", "/dashboard.css", "/metrics", "/healthz", "/readyz"):
            yield path, admin.get(path).content
        admin.headers["Authorization"] = f"Bearer {token}"
        signatures = [one["id"] for one in told(admin, "/api/v1/diffs").json()]
        inside = [
            "/status",
            "/diffs?examples=true",
            "/diffs/noise",
            "/diffs/rules",
            "/diffs/samples",
            "/ledger",
            "/ledger/verify",
            "/plans",
            "/approvals",
            f"/requests/{REQUEST}-json",
        ]
        inside += ["/features/orders/report"]
        for path in inside:
            answer = told(admin, f"/api/v1{path}")
            assert answer.status_code == 200, (path, answer.text)
            yield path, answer.content
        shown = {one: told(admin, f"/api/v1/diffs/{one}") for one in signatures}
        for signature, answer in shown.items():
            lost = (
                answer.status_code == 404 and "no sample is kept" in answer.text
            )  # with a process that ended
            assert answer.status_code == 200 or lost, (signature, answer.text)
            yield signature, answer.content
        sampled = [signature for signature, answer in shown.items() if answer.status_code == 200]
        assert len(sampled) > 3, shown
        for stored in told(admin, "/api/v1/diffs/samples").json():
            yield "a stored sample", json.dumps(_unfolded(stored)).encode()
    for words in (
        ("diffs",),
        ("diffs", "noise", "--all"),
        ("diffs", "show", sampled[0]),
        ("explain", "--request", f"{REQUEST}-json"),
        ("status",),
        ("report",),
        ("ledger",),
    ):
        yield " ".join(words), gateway.banyan(*words).text.encode()
    for signature in sampled[:3]:
        for side in ("legacy", "new"):
            written = gateway.banyan("diffs", "golden", signature, "--side", side)
            yield "a golden", written.text.encode()


def sampled(gateway: Between) -> list[str]:
    """The signatures of which a sample is kept by now."""
    token = (gateway.folder / "state" / "admin-token").read_text().strip()
    with httpx.Client(
        base_url=f"{gateway.admin}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=PATIENCE,
    ) as admin:
        listed = [one["id"] for one in told(admin, "/diffs").json()]
        return [one for one in listed if told(admin, f"/diffs/{one}").status_code == 200]


def told(admin: httpx.Client, path: str) -> httpx.Response:
    """What the admin port says, asked again while the store is not reached: on a busy machine it is late."""
    answers: list[httpx.Response] = []

    def look() -> bool:
        answers[:] = [admin.get(path)]
        return answers[0].status_code != 503

    with suppress(TimeoutError):
        wait_until(look, 60)
    return answers[0]


def _unfolded(value: object) -> object:
    """With what is in base64 as text."""
    if isinstance(value, list):
        return [_unfolded(one) for one in value]
    if isinstance(value, dict):
        return {key: _unfolded(one) for key, one in value.items()}
    if isinstance(value, str):
        try:
            return [value, base64.b64decode(value, validate=True).decode("utf-8", "backslashreplace")]
        except ValueError:
            return value
    return value


@contextmanager
def recorded_live(gateway: Between) -> Iterator[None]:
    """A session that happens meanwhile is recorded as goldens, beside all else that is searched."""
    begun = "recording sessions of orders"
    before = gateway.log().count(begun)
    command = [sys.executable, "-m", "gateway", "-c", str(gateway.config), "golden", "record"]
    command += ["--live", "orders", "--dir", str(gateway.folder / "recordings"), "--seconds", "60"]
    command += ["--write-flows", str(gateway.folder / "flows"), "--idle", "2", "--sessions", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: gateway.log().count(begun) > before, 60, "the recording")
            yield
            process.wait(150)
        finally:
            process.kill()


def a_session(url: str) -> None:
    """One that begins here, logs in and goes on."""
    with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        client.get("/api/orders", headers={"X-Kind": "html"})
        login = {"email": plant.email("login"), "password": plant("login"), "otp": plant("login")}
        token = client.post("/api/login", json=login).json()["items"][0]["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        client.get("/api/orders", params={"api_key": plant("session query")}, headers=bearer)
        client.post("/api/pay", data={"card": plant.card("session form"), "token": token}, headers=bearer)


def recorded(gateway: Between) -> bool:
    """Whether a session was recorded with its login: one that stands still for long has ended."""
    with recorded_live(gateway):
        a_session(gateway.url)
    recordings = [each.read_text() for each in (gateway.folder / "recordings").rglob("*.json")]
    return any("/api/login" in each for each in recordings)


def test_none_is_found_anywhere(gateway: Between) -> None:
    """And the search itself finds one that was not planted in vain."""
    assert any(recorded(gateway) for _ in range(5)), "the session was recorded"
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=PATIENCE) as client:
        for _ in range(3):
            requests(client)
            body = {"password": plant("JSON body"), "profile": {"email": plant.email("JSON body")}}
            client.post("/api/login", json=body)
            form = {"password": plant("form"), "card": plant.card("form")}
            client.post(
                "/api/login",
                content=urlencode(form),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            client.post(
                "/api/upload",
                data={"secret": plant("multipart")},
                files={"file": ("a.json", json.dumps({"password": plant("a file")}).encode())},
            )
            svg = f"<svg><text>postgres://app:{plant('URL')}@db/x, password={plant('SVG')}</text></svg>"
            client.post("/api/upload", content=svg.encode(), headers={"Content-Type": "image/svg+xml"})
    gateway.settled()
    wait_until(lambda: len(sampled(gateway)) > 3, 60, "samples, which follow the counts")
    planted = dict(plant.where)
    assert len(planted) > 150
    looked: list[str] = []
    leaks: set[tuple[str, str]] = set()
    for name, content in everything(gateway):
        looked.append(name)
        leaks |= {(planted[secret], name) for secret in planted if found_in(content, secret)}
    assert len(looked) > 30, looked
    assert not leaks, sorted(leaks)[:20]


@pytest.mark.parametrize("code", ["plain", "base64", "url"])
def test_the_search_would_find_it(code: str) -> None:
    """A search that cannot fail proves nothing."""
    secret = "u0123456789abcdef@mail.example"
    coded = {
        "plain": secret.encode(),
        "base64": base64.b64encode(b'{"a": "' + secret.encode() + b'"}'),
        "url": quote(secret, safe="").encode(),
    }
    assert found_in(b"before " + coded[code] + b" after", secret)
