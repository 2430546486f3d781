"""`banyan check`: is the configuration right, is there somebody at every address in it, and can a gateway
start here?
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.check_far import far_addresses
from gateway.cli.check_here import ports, rule_file, running, state_folder
from gateway.cli.failures import NO, CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import duration, print_json, say, table
from gateway.cli.settings import Settings
from gateway.config import Upstream
from gateway.core.decision import Side
from gateway.machine import StartError
from gateway.premises import check_streams, check_tls
from gateway.runtime_note import Runtime
from gateway.tls import upstream_tls
from gateway.upstreams import upstream_of

__all__ = ["check"]


@click.command()
@shared
@pass_settings
@click.pass_context
def check(context: click.Context, settings: Settings) -> None:
    """Validate the configuration and the rules, reach every address in it, and try ports and state folder."""
    config = settings.config()
    try:
        check_tls(config)
        warnings = [*filter(None, [check_streams(config)])]
    except StartError as error:
        raise CommandError(str(error)) from error
    found = [_reach(f"upstreams.{side}", upstream_of(config, side)) for side in Side]
    found += far_addresses(config)
    here = running(config)
    listen, state, rules = ports(config, here), state_folder(config), rule_file(config)
    wrong = [one["name"] for one in (*found, *listen, state, rules) if one["problem"]]
    if settings.as_json:
        print_json(
            {
                "config": config.source_path,
                "valid": True,
                "addresses": found,
                "listen": listen,
                "state": state,
                "rules": rules,
                "ready": not wrong,
                "warnings": warnings,
            }
        )
    else:
        rows = [*_rows(found, listen), _folder_row(state), _rules_row(rules)]
        table(("key", "value", "answer", "after"), rows, nothing="")
        for warning in warnings:
            say(f"warning: {warning}")
        say(_closing(config.source_path, wrong, here))
    if wrong:
        context.exit(NO)


def _rows(found: list[dict[str, Any]], listen: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for one in found:
        yield (one["name"], one["address"], one["problem"] or "reached", duration(one["seconds"]))
    for one in listen:
        free = f"held by the gateway that runs (process {one['held_by']})" if one["held_by"] else "free"
        yield (one["name"], one["address"], one["problem"] or free, "-")


def _folder_row(state: dict[str, Any]) -> tuple[object, ...]:
    return (state["name"], state["dir"], state["problem"] or "usable", "-")


def _rules_row(rules: dict[str, Any]) -> tuple[object, ...]:
    return (rules["name"], rules["file"], rules["problem"] or f"{rules['rules']} rules", "-")


def _closing(path: str, wrong: list[str], here: Runtime | None) -> str:
    if wrong:
        return f"The file is valid, but not all is in place: {', '.join(wrong)}."
    if here:
        return f"All is in place. A gateway runs here: `kill -HUP {here.pid}` has it read the file again."
    return f"All is in place: `banyan run -c {path}` can start."


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
