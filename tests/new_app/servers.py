"""The applications and a Redis as real processes, each on a free port, ended with the `with` block."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import LOOPBACK, free_port
from tests.support.redis import start_redis
from tests.support.spawn import ROOT, Spawner, port_open

_OURS = (
    "NEW_APP_",
    "GEMINI_",
    "REDIS_URL",
    "APP_VERSION",
    "SESSION_",
    "PARTNER",
    "SECRET_KEY",
    "PROMETHEUS_",
)

# What the surroundings of a test run may set must not reach an application; empty counts as absent.
BLANK = {name: "" for name in os.environ if name.startswith(_OURS)} | {"PYTHONPATH": str(ROOT)}


@contextmanager
def new_app(folder: Path, workers: str = "1", **env: str) -> Iterator[str]:
    """`python -m new_app` with its files below `folder`; yields its address."""
    port = free_port()
    own = {"NEW_APP_SESSION_DIR": str(folder / "sessions"), "NEW_APP_STREAM_DELAY_MS": "0"}
    command = [sys.executable, "-m", "new_app", "--port", str(port), "--workers", workers]
    with Spawner(folder) as spawn:
        spawn(command, name="new_app", ready=port_open(port), env={**BLANK, **own, **env}, cwd=folder)
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def legacy_app(folder: Path, **env: str) -> Iterator[str]:
    """`python -m legacy_app`, the application that ours must agree with."""
    port = free_port()
    own = {"SESSION_DIR": str(folder / "sessions")}
    command = [sys.executable, "-m", "legacy_app", "--bind", f"{LOOPBACK}:{port}", "--workers", "1"]
    with Spawner(folder) as spawn:
        spawn(command, name="legacy_app", ready=port_open(port), env={**BLANK, **own, **env}, cwd=folder)
        yield f"http://{LOOPBACK}:{port}"


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    (folder / "redis").mkdir(exist_ok=True)
    with Spawner(folder / "redis") as spawn:
        yield start_redis(spawn).url


def printed(folder: Path) -> str:
    """What the application that ran in `folder` said on its outputs."""
    return (folder / "00-new_app.log").read_text("utf-8")
