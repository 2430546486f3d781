"""What `banyan status` and `banyan report` say of a new side that fails while nobody notices, since legacy
answers in its place.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.running import banyan
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.spawn import Spawner

FEATURE = """
[[feature]]
name = "orders"
match = ["/orders/*"]
percent = 100
breaker = { failures = 3, open = "1h" }
guard.on_failure = "hold"
guard.max_error_rate = 0.01
guard.max_p95 = "10s"
guard.max_p95_ratio = 1000
guard.min_samples = 50
"""
QUIET = "shadow = { percent = 0 }\n"


class Application(BaseHTTPRequestHandler):
    """Answers "ok", or 500 for a path that ends with `fails` if `broken`."""

    protocol_version = "HTTP/1.1"
    broken = False

    def do_GET(self) -> None:
        failing = self.broken and self.path.endswith("fails")
        self.send_response(500 if failing else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
        """Say nothing."""


class Broken(Application):
    """The new side."""

    broken = True


@pytest.fixture
def sides() -> Iterator[tuple[str, str]]:
    """The addresses of both applications."""
    servers = [ThreadingHTTPServer((LOOPBACK, 0), kind) for kind in (Application, Broken)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{LOOPBACK}:{servers[0].server_port}", f"http://{LOOPBACK}:{servers[1].server_port}"
    for server in servers:
        server.shutdown()
        server.server_close()


def get(gateway: Gateway, path: str, data: bytes | None = None) -> int:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{gateway.port}{path}", data, timeout=60) as answer:
        return int(answer.status)


def told(gateway: Gateway, *words: str) -> Any:
    return json.loads(banyan("-c", str(gateway.config), "--json", *words).stdout)


def test_failures_that_a_fallback_hides_count_against_the_new_side(
    spawn: Spawner, sides: tuple[str, str], tmp_path: Path
) -> None:
    gateway = Gateway(spawn, write_config(tmp_path, *sides, more=FEATURE + QUIET))
    for number in range(100):
        path = f"/orders/{number}{'fails' if number % 10 == 0 else ''}"
        assert get(gateway, path) == 200  # users see nothing of it
    wait_until(lambda: gateway.total("banyan_requests_total") >= 100, what="the counters")
    report = told(gateway, "report", "orders")
    assert report["verdict"] == "not_ready"
    new = report["new"]
    assert (new["requests"], new["errors"], new["fallbacks"], new["error_rate"]) == (90, 0, 10, 0.1)
    assert any("10 fallbacks to legacy of 100 requests" in reason for reason in report["reasons"])
    done = banyan("-c", str(gateway.config), "report", "orders")
    assert done.returncode == 1
    assert "FALLBACKS" in done.stdout
    assert "10 fallbacks to legacy of 100 requests" in done.stdout


def test_while_the_breaker_is_open_the_side_is_legacy(
    spawn: Spawner, sides: tuple[str, str], tmp_path: Path
) -> None:
    gateway = Gateway(spawn, write_config(tmp_path, *sides, more=FEATURE + QUIET))
    assert told(gateway, "status")["features"][0]["side"] == "new"
    for number in range(3):
        get(gateway, f"/orders/{number}fails")

    def seen() -> bool:
        return bool(told(gateway, "status")["features"][0]["breaker"] == "open")

    wait_until(seen, what="the breaker in the status")
    assert told(gateway, "status")["features"][0]["side"] == "legacy"
    assert "legacy answers in its place" in banyan("-c", str(gateway.config), "status").stdout


def test_a_report_without_comparisons_says_where_they_went(
    spawn: Spawner, sides: tuple[str, str], tmp_path: Path
) -> None:
    gateway = Gateway(spawn, write_config(tmp_path, *sides, more=FEATURE))
    for number in range(5):
        get(gateway, f"/orders/{number}", b"{}")
    wait_until(lambda: gateway.total("banyan_requests_total") >= 5, what="the counters")
    reasons = " ".join(told(gateway, "report", "orders")["reasons"])
    assert (
        '5 requests are not compared by their kind: unsafe methods only are with shadow.writes = "iso'
        in reasons
    )
