"""Rules of Unleash that look at a request: through the gateway, from the configuration to the side."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.core.test_context import token
from tests.gateway.running import banyan
from tests.operations.gateway import Gateway, write_config
from tests.support.ports import LOOPBACK, wait_until
from tests.support.raw import ScriptedUpstream, answering
from tests.support.spawn import Spawner

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FULL = {"rollout": "100", "stickiness": "default"}


def feature(name: str, constraints: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    strategy = {
        "name": "flexibleRollout",
        "parameters": {**FULL, "groupId": name},
        "constraints": constraints,
    }
    return {"name": name, "enabled": True, "strategies": [{**strategy, **more}]}


RULES = {
    "version": 2,
    "features": [
        feature("tenant", [{"contextName": "tenant", "operator": "IN", "values": ["acme"]}]),
        feature("segment", [], segments=[1]),
        {
            "name": "address",
            "enabled": True,
            "strategies": [{"name": "remoteAddress", "parameters": {"IPs": "198.51.100.0/24"}}],
        },
        {**feature("child", []), "dependencies": [{"feature": "tenant", "enabled": True}]},
        feature("plain", []),
    ],
    "segments": [{"id": 1, "constraints": [{"contextName": "plan", "operator": "IN", "values": ["gold"]}]}],
}
NAMES = ("tenant", "segment", "address", "child", "plain")


class Unleash(BaseHTTPRequestHandler):
    """Says the rules above, to whoever asks."""

    def do_GET(self) -> None:
        body = json.dumps(RULES).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name there
        """Say nothing."""


@pytest.fixture
def gateway(spawn: Spawner, tmp_path: Path) -> Iterator[Gateway]:
    with ExitStack() as stack:
        server = stack.enter_context(ThreadingHTTPServer((LOOPBACK, 0), Unleash))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        sides = [stack.enter_context(ScriptedUpstream(answering(OK))) for _ in range(2)]
        (tmp_path / "token").write_text("a-token")
        more = (
            f'[flags]\nsource = "unleash"\n[flags.unleash]\nurl = "http://{LOOPBACK}:{server.server_address[1]}"\n'
            'token_file = "token"\nproperties = ["tenant=header:X-Tenant", "plan=claim:plan"]\n'
        )
        more += "".join(
            f'[[feature]]\nname = "{name}"\nmatch = ["/{name}"]\nshadow = {{ percent = 0 }}\n'
            for name in NAMES
        )
        listen = f'expose_decision = true\ntrusted_proxies = ["{LOOPBACK}"]'
        urls = [f"http://{LOOPBACK}:{side.port}" for side in sides]
        yield Gateway(spawn, write_config(tmp_path, *urls, listen=listen, more=more))


def test_constraints_segments_and_addresses_are_honoured(gateway: Gateway) -> None:
    def side(name: str, **headers: str) -> str:
        headers = {
            "Cookie": "session=ann",
            **{key.replace("_", "-"): value for key, value in headers.items()},
        }
        asked = urllib.request.Request(f"http://{LOOPBACK}:{gateway.port}/{name}", headers=headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return str(answer.headers["Banyan-Side"])

    wait_until(lambda: side("plain") == "new", what="the rules")
    gold = token(plan="gold").decode()
    rows = [
        ("tenant", {}, "legacy"),
        ("tenant", {"X_Tenant": "acme"}, "new"),
        ("tenant", {"X_Tenant": "other"}, "legacy"),
        ("segment", {}, "legacy"),
        ("segment", {"Authorization": gold}, "new"),
        ("segment", {"Authorization": token(plan="tin").decode()}, "legacy"),
        ("address", {}, "legacy"),
        ("address", {"X_Forwarded_For": "198.51.100.7"}, "new"),
        ("address", {"X_Forwarded_For": "198.51.100.7, 203.0.113.5"}, "legacy"),
        ("child", {}, "legacy"),
        ("child", {"X_Tenant": "acme"}, "new"),
        ("plain", {"X_Tenant": "other"}, "new"),
    ]
    for name, headers, expected in rows * 2:  # the second time from memory
        assert side(name, **headers) == expected, (name, headers)

    def explained(name: str, *words: str) -> str:
        command = ("--json", "explain", "GET", f"/{name}", "--key", "ann", *words)
        done = banyan("-c", str(gateway.config), *command)
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["side"])

    assert explained("tenant") == "legacy"
    assert explained("tenant", "--header", "X-Tenant: acme") == "new"
    assert explained("segment", "--header", f"Authorization: {gold}") == "new"
    assert explained("address", "--address", "198.51.100.9") == "new"
