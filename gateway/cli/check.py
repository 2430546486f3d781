"""`banyan check`: is the configuration right, and is there somebody at every address in it?"""

from __future__ import annotations

import socket
import time
from typing import Any

import click

from gateway.cli.failures import NO
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, table
from gateway.cli.settings import Settings
from gateway.config import Config

__all__ = ["check"]


@click.command()
@shared
@pass_settings
@click.pass_context
def check(context: click.Context, settings: Settings) -> None:
    """Validate the configuration and reach every address in it."""
    config = settings.config()
    found = [_reach(*asked) for asked in _addresses(config)]
    if settings.as_json:
        print_json({"config": config.source_path, "valid": True, "addresses": found})
    else:
        rows = [
            (one["name"], one["address"], one["problem"] or "reached", duration(one["seconds"]))
            for one in found
        ]
        table(("key", "address", "answer", "after"), rows, nothing="")
    if any(one["problem"] for one in found):
        context.exit(NO)


def _addresses(config: Config) -> list[tuple[str, str, int, float]]:
    sides = (("upstreams.legacy.url", config.upstreams.legacy), ("upstreams.new.url", config.upstreams.new))
    return [(key, side.host, side.port, side.connect_timeout) for key, side in sides]


def _reach(name: str, host: str, port: int, limit: float) -> dict[str, Any]:
    started = time.perf_counter()
    problem = ""
    try:
        socket.create_connection((host, port), limit).close()
    except OSError as error:
        problem = error.strerror or str(error) or type(error).__name__
    seconds = round(time.perf_counter() - started, 6)
    return {
        "name": name,
        "address": f"{host}:{port}",
        "reached": not problem,
        "problem": problem,
        "seconds": seconds,
    }
