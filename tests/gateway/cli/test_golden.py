"""`banyan golden …` against a small server: recorded, verified, and a regression found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.gateway.running import banyan
from tests.support.ports import free_port
from tests.support.spawn import Spawner, port_open

SIDE = """
import http.server, json, sys
class Side(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({"name": "tea", "price": json.loads(sys.argv[2])}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Side).serve_forever()
"""


def side(spawn: Spawner, price: str) -> str:
    port = free_port()
    spawn([sys.executable, "-c", SIDE, str(port), price], ready=port_open(port), name="side")
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text('[[step]]\nname = "item"\npath = "/api/items/1"\n')
    return path


def test_record_verify_lint_and_show(spawn: Spawner, tmp_path: Path, flow: Path) -> None:
    folder = ("--dir", str(tmp_path / "recordings"))
    truth = side(spawn, "3")
    done = banyan("golden", "record", "--from", truth, "--flow", str(flow), *folder)
    assert done.returncode == 0, done.stderr + done.stdout
    assert banyan("golden", "verify", "--to", truth, *folder).returncode == 0
    assert banyan("golden", "lint", *folder).returncode == 0
    listed = json.loads(banyan("--json", "golden", "show", *folder).stdout)
    assert [one["step"] for one in listed] == ["item"]
    assert "tea" in banyan("golden", "show", listed[0]["id"], *folder).stdout

    junit, markdown = tmp_path / "junit.xml", tmp_path / "report.md"
    written = ("--junit", str(junit), "--markdown", str(markdown))
    differs = banyan("--json", "golden", "verify", "--to", side(spawn, '"3"'), *folder, *written)
    assert differs.returncode == 1
    found = json.loads(differs.stdout)
    assert (found["failed"], found["exit_code"]) == (1, 1)
    assert "body.price" in found["cases"][0]["failures"][0]
    assert "<failure" in junit.read_text()
    assert "price" in markdown.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("golden", "record", "--from", "http://127.0.0.1:1"), "--flow"),
        (("golden", "record", "--from", "http://127.0.0.1:1", "--flow", "/nowhere.toml"), "/nowhere.toml"),
        (("golden", "verify", "--to", "not a url", "--dir", "tests"), "not a url"),
        (("golden", "verify", "--to", "http://127.0.0.1:1", "--dir", "/nowhere"), "/nowhere is not there"),
        (("golden", "show", "--dir", "/nowhere"), "/nowhere is not there"),
        (("golden", "verify"), "--to"),
        (("-c", "/nowhere.toml", "golden", "lint"), "/nowhere.toml"),
    ],
)
def test_mistakes_are_one_sentence(words: tuple[str, ...], said: str) -> None:
    done = banyan(*words)
    assert done.returncode == 2
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_nothing_recorded_is_not_told_as_passed(tmp_path: Path) -> None:
    done = banyan("golden", "verify", "--to", "http://127.0.0.1:1", "--dir", str(tmp_path))
    assert done.returncode == 2


def test_an_unknown_recording_cannot_be_shown(tmp_path: Path) -> None:
    done = banyan("golden", "show", "none/such", "--dir", str(tmp_path))
    assert done.returncode == 2
    assert "none/such" in done.stderr
