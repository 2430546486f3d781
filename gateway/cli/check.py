"""`banyan check`: is the configuration right, and is there somebody at every address in it?"""

from __future__ import annotations

import socket
import time
from typing import Any

import click

from gateway.cli.failures import NO, CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, table
from gateway.cli.settings import Settings
from gateway.config import Upstream
from gateway.core.decision import Side
from gateway.machine import StartError
from gateway.premises import check_tls
from gateway.tls import upstream_tls
from gateway.upstreams import upstream_of

__all__ = ["check"]


@click.command()
@shared
@pass_settings
@click.pass_context
def check(context: click.Context, settings: Settings) -> None:
    """Validate the configuration and reach every address in it."""
    config = settings.config()
    try:
        check_tls(config)
    except StartError as error:
        raise CommandError(str(error)) from error
    found = [_reach(f"upstreams.{side}", upstream_of(config, side)) for side in Side]
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


def _reach(key: str, upstream: Upstream) -> dict[str, Any]:
    started = time.perf_counter()
    problem = ""
    try:
        tls = upstream_tls(upstream, key)
        with socket.create_connection((upstream.host, upstream.port), upstream.connect_timeout) as connection:
            if tls is not None:
                tls.context.wrap_socket(connection, server_hostname=tls.name).close()
    except OSError as error:
        problem = error.strerror or str(error) or type(error).__name__
    seconds = round(time.perf_counter() - started, 6)
    return {
        "name": f"{key}.url",
        "address": f"{upstream.host}:{upstream.port}",
        "reached": not problem,
        "problem": problem,
        "seconds": seconds,
    }
