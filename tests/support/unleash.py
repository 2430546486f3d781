"""A real Unleash server on a free port, over a database of its own.

The server is an npm package, pinned with all it stands on in `unleash/package-lock.json`, and installed into
a folder that is not tracked. That lock names no registry: where packages come from is the installing
machine's business.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.node import find_node, install_node
from tests.support.ports import LOOPBACK, free_port
from tests.support.postgres import Postgres
from tests.support.spawn import ROOT, Spawned, Spawner, http_ok

PACKAGE = Path(__file__).with_name("unleash")
CACHE = ROOT / ".cache" / "unleash"
NODE = ROOT / ".cache" / "node"
MISSING = "no Unleash server here: `python -m tests.support.install` installs it with npm, or says why not"
ADMIN_TOKEN = "*:*.banyan-test-admin"
BACKEND_TOKEN = "default:development.banyan-test-backend"
_MAIN = Path("node_modules", "unleash-server", "dist", "server.js")
_STAMP = "installed"


def find_unleash() -> Path | None:
    """The folder it is installed in, as the lock has it now."""
    stamp = CACHE / _STAMP
    whole = stamp.exists() and stamp.read_text() == _wanted() and (CACHE / _MAIN).exists()
    return CACHE if whole and find_node(NODE) else None


def install_unleash() -> str:
    """Install Node where there is none, and the server → one sentence about what went wrong, or ""."""
    node = find_node(NODE)
    if node is None:
        if problem := install_node(NODE):
            return f"no Node 20 or later here, nor from its wheel: {problem}"
        node = find_node(NODE)
    if node is None:
        return "no Node 20 or later here, and its wheel has none for this machine"
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / _STAMP).unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGE / name, CACHE / name)
    command = [*node.npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        return "npm took longer than ten minutes"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        return (lines or [f"npm ended with {done.returncode}"])[0]
    (CACHE / _STAMP).write_text(_wanted())
    return ""


def _wanted() -> str:
    return hashlib.sha256((PACKAGE / "package-lock.json").read_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class UnleashServer:
    """Where it listens, its database (another may be started over the same), and its process."""

    port: int
    database: str
    process: Spawned

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://{LOOPBACK}:{self.port}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the admin API, as its own dashboard makes them; what it answers as JSON."""
        answer = httpx.request(
            method,
            f"{self.url}/api/admin{path}",
            json=body,
            headers={"Authorization": ADMIN_TOKEN},
            timeout=60,
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def create(self, feature: str, *strategies: dict[str, Any], on: bool = True) -> None:
        """A feature with these strategies in `development`, switched on last: without one it would be on for
        everybody."""
        self.ask("POST", "/projects/default/features", {"name": feature, "type": "release"})
        here = f"/projects/default/features/{feature}/environments/development"
        for strategy in strategies:
            self.ask("POST", f"{here}/strategies", strategy)
        if on:
            self.ask("POST", f"{here}/on")

    def strategies(self, feature: str) -> list[dict[str, Any]]:
        """Its strategies in `development`."""
        found: list[dict[str, Any]] = self.ask(
            "GET", f"/projects/default/features/{feature}/environments/development/strategies"
        )
        return found


def rollout(percent: int, **more: Any) -> dict[str, Any]:
    """A `flexibleRollout` strategy; `group` and `stickiness` go into its parameters."""
    parameters = {
        "rollout": str(percent),
        "stickiness": more.pop("stickiness", "default"),
        "groupId": more.pop("group", "test"),
    }
    return {"name": "flexibleRollout", "parameters": parameters, **more}


def start_unleash(spawn: Spawner, postgres: Postgres, *, port: int = 0, database: str = "") -> UnleashServer:
    """Start one, on an empty database unless one is named."""
    node = find_node(NODE)
    assert node is not None, MISSING
    port, database = port or free_port(), database or postgres.new_database()
    settings = {
        "DATABASE_HOST": str(postgres.socket),
        "DATABASE_NAME": database,
        "DATABASE_USERNAME": "postgres",
        "DATABASE_PASSWORD": "any",
        "DATABASE_SSL": "false",
        "HTTP_HOST": LOOPBACK,
        "HTTP_PORT": str(port),
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "LOG_LEVEL": "warn",
        "GRACEFUL_SHUTDOWN_ENABLE": "false",
        "INIT_ADMIN_API_TOKENS": ADMIN_TOKEN,
        "INIT_BACKEND_API_TOKENS": BACKEND_TOKEN,
    }
    ready = http_ok(f"http://{LOOPBACK}:{port}/health")
    process = spawn([node.node, CACHE / _MAIN], name="unleash", env=settings, ready=ready, timeout=180)
    return UnleashServer(port, database, process)
