"""Who gets in: tokens and roles, hosts and origins, sizes; over real sockets."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.admin import Role, TokenBook, TokensUnreadable, ensure_admin_token
from gateway.admin.gate import is_own_host
from tests.gateway.running import Running

ASKING = [
    ("GET", "/status"),
    ("GET", "/features/orders/report"),
    ("GET", "/diffs"),
    ("GET", "/ledger"),
    ("POST", "/explain"),
    ("GET", "/openapi.json"),
]
ZEROS = "0" * 64
CHANGING = [
    ("PUT", "/features/orders/dial"),
    ("POST", "/rollback"),
    ("POST", "/features/orders/rollback"),
    ("DELETE", "/rollback"),
    ("DELETE", "/features/orders/rollback"),
]


def ask(gateway: Running, method: str, path: str, **more: object) -> httpx.Response:
    """Without any token."""
    body = {"percent": 0, "reason": "r"} if path.endswith("dial") else {"reason": "r"}
    body = {"method": "GET", "path": "/"} if path == "/explain" else body
    json = None if method == "GET" else body
    url, more = f"{gateway.admin}/api/v1{path}", {"timeout": 60, **more}
    return httpx.request(method, url, json=json, trust_env=False, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "path"), ASKING + CHANGING)
@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer wrong", "Basic YWRtaW46YWRtaW4="])
def test_nothing_without_a_known_token(gateway: Running, method: str, path: str, shown: str | None) -> None:
    answer = ask(gateway, method, path, headers={} if shown is None else {"Authorization": shown})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("method", "path"), ASKING + CHANGING)
def test_roles(gateway: Running, method: str, path: str) -> None:
    looker = ask(gateway, method, path, headers={"Authorization": "Bearer looker"})
    assert looker.status_code == (200 if (method, path) in ASKING else 403), looker.text
    pusher = ask(gateway, method, path, headers={"Authorization": "Bearer pusher"})
    assert pusher.status_code == 200, pusher.text


def test_the_ledger_names_the_token_that_vouches_for_the_person(gateway: Running) -> None:
    headers = {"Authorization": "Bearer pusher"}
    for body in ({"reason": "one"}, {"reason": "two", "by": "ann"}):
        httpx.post(
            f"{gateway.admin}/api/v1/rollback", json=body, headers=headers, timeout=60, trust_env=False
        )
        httpx.delete(
            f"{gateway.admin}/api/v1/rollback?reason=x", headers=headers, timeout=60, trust_env=False
        )
    actors = [one["actor"] for one in gateway.asked("ledger") if one["action"] == "rollback"][:2]
    assert actors == ["ann with the token of pusher", "pusher"]


@pytest.mark.parametrize("name", ["banyan (guard)", " banyan (plan) ", "machine"])
def test_nobody_passes_for_the_gateway_itself(gateway: Running, name: str) -> None:
    """An alert says "automatically" by the name in the ledger, and people believe a guard."""
    body = {"reason": "a test", "by": name}
    assert gateway.call("POST", "/api/v1/features/orders/rollback", json=body).status_code == 200
    entry = gateway.call("GET", "/api/v1/ledger").json()[0]
    assert (entry["action"], entry["actor"]) == ("rollback", f"{name.strip()} with the token of admin")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/dashboard.js", "/dashboard.css"])
def test_open_without_a_token(gateway: Running, path: str) -> None:
    assert httpx.get(gateway.admin + path, timeout=60, trust_env=False).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/status"])
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example", "x" * 300]
)
def test_a_name_that_is_not_ours_is_refused(gateway: Running, path: str, host: str) -> None:
    answer = gateway.call("GET", path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1"])
def test_another_origin_is_refused(gateway: Running, origin: str) -> None:
    assert (
        gateway.call("POST", "/api/v1/rollback", json={"reason": "r"}, headers={"Origin": origin}).status_code
        == 403
    )
    assert not gateway.call("GET", "/api/v1/status").json()["everything_latched"]


def test_our_own_origin_may_ask(gateway: Running) -> None:
    assert gateway.call("GET", "/api/v1/status", headers={"Origin": gateway.admin}).status_code == 200


def test_a_body_without_measure_is_refused(gateway: Running) -> None:
    def endless() -> Iterator[bytes]:
        yield b"{"

    assert gateway.call("POST", "/api/v1/rollback", content=b" " * 70_000).status_code == 413
    assert gateway.call("POST", "/api/v1/rollback", content=endless()).status_code == 413


@pytest.mark.parametrize(
    ("host", "listening", "own"),
    [
        ("localhost:8081", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("127.0.0.9:8081", "127.0.0.1", True),
        ("[::1]:8081", "127.0.0.1", True),
        ("10.1.2.3:8081", "10.1.2.3", True),
        ("10.1.2.3:8081", "0.0.0.0", True),
        ("[fd00::1]", "::", True),
        ("10.1.2.4:8081", "10.1.2.3", False),
        ("gateway.internal", "0.0.0.0", False),
        ("", "127.0.0.1", False),
        ("", "", False),
        ("localhost.", "127.0.0.1", False),
        ("[::1", "127.0.0.1", True),
    ],
)
def test_which_hosts_are_ours(host: str, listening: str, own: bool) -> None:
    assert is_own_host(host, listening) is own


def test_the_admin_token_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    token = ensure_admin_token(tmp_path)
    assert stat.S_IMODE((tmp_path / "admin-token").stat().st_mode) == 0o600
    assert len(token) >= 40
    assert ensure_admin_token(tmp_path) == token
    assert [path.name for path in tmp_path.iterdir()] == ["admin-token"]
    found = TokenBook.open(tmp_path).find(token)
    assert found is not None
    assert found.role is Role.ADMIN


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        f'{{"tokens": [{{"name": "a", "role": "king", "sha256": "{ZEROS}"}}]}}',
        '{"tokens": [{"name": "a", "role": "viewer", "sha256": "abc"}]}',
        '{"tokens": [{"name": "a", "role": "viewer", "sha256": "abcd"}]}',
        '{"tokens": [{"name": "a", "role": "viewer", "token": "plain"}]}',
    ],
)
def test_a_token_list_that_is_wrong_opens_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens.json").write_text(text)
    with pytest.raises(TokensUnreadable, match=r"tokens\.json"):
        TokenBook.open(tmp_path)


def test_an_empty_admin_token_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "admin-token").touch()
    with pytest.raises(TokensUnreadable, match="empty"):
        TokenBook.open(tmp_path)


def test_an_admin_token_that_everybody_may_write_opens_nothing(tmp_path: Path) -> None:
    ensure_admin_token(tmp_path)
    (tmp_path / "admin-token").chmod(0o666)
    with pytest.raises(TokensUnreadable, match="written by everybody"):
        TokenBook.open(tmp_path)
