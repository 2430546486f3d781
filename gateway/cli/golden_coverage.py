"""`banyan golden coverage [FEATURE]`: which routes have recordings, which only the shadow, which nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import click

from gateway.cli import golden_inputs as inputs
from gateway.cli.failures import NO, CommandError
from gateway.cli.golden_options import FILE
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings
from gateway.config import Config
from gateway.core.route import RouteTable
from gateway.shadowing.routes import seen_routes
from golden import read_all

__all__ = ["coverage_command"]

_GOLDEN, _SHADOW, _NONE = "golden", "shadow only", "none"


class _Row(NamedTuple):
    feature: str
    route: str
    evidence: str
    goldens: int
    compared: int


@click.command("coverage")
@click.argument("feature", required=False)
@click.option(
    "--require", type=click.Choice(["golden", "shadow"]), help="Exit 1 when a route has less than this."
)
@click.option("--dir", "folder", type=FILE, help="The recordings; default: the configured folder.")
@shared
@pass_settings
@click.pass_context
def coverage_command(
    context: click.Context,
    settings: Settings,
    /,
    feature: str | None,
    require: str | None,
    folder: Path | None,
) -> None:
    """Which routes have goldens, which have been compared by the shadow only, which have neither."""
    config = settings.config()
    known = [one.name for one in config.features]
    if feature is not None and feature not in known:
        raise CommandError(f"there is no feature {feature!r} (known: {', '.join(known) or 'none'}).", NO)
    rows = [row for row in _rows(config, settings, folder) if feature in (None, row.feature)]
    count = Counter(row.evidence for row in rows)
    if settings.as_json:
        counts = {"golden": count[_GOLDEN], "shadow_only": count[_SHADOW], "none": count[_NONE]}
        print_json({"routes": [row._asdict() for row in rows], **counts})
    else:
        table(
            ("feature", "route", "evidence", "goldens", "compared"), rows, nothing="No feature is configured."
        )
        say(f"{count[_GOLDEN]} with goldens, {count[_SHADOW]} with the shadow only, {count[_NONE]} bare")
    too_little = {"golden": (_SHADOW, _NONE), "shadow": (_NONE,)}.get(require or "", ())
    if any(count[word] for word in too_little):
        context.exit(NO)


def _rows(config: Config, settings: Settings, folder: Path | None) -> list[_Row]:
    place = inputs.place(settings)
    goldens: Counter[tuple[str, str]] = Counter()
    recordings, _ = read_all(inputs.folder(settings, folder))
    for recording in recordings:
        found = place(recording.request) if place else ("", "")
        goldens[found] += bool(found[0])
    compared = Counter(
        {(row.feature, row.route): row.compared for row in seen_routes(Path(config.state.dir))}
    )
    features = {one.name for one in config.features}
    routes = {pair for pair in (*goldens, *compared) if pair[0] in features}
    rows = [
        _Row(*pair, _word(goldens[pair], compared[pair]), goldens[pair], compared[pair]) for pair in routes
    ]
    table = RouteTable((one.name, one.match) for one in config.features)
    met = {(pair[0], pattern) for pair in routes if (pattern := _pattern(table, pair[1]))}
    for one in config.features:
        bare = {pattern: pattern.rpartition(" ")[2] for pattern in one.match}
        rows += [
            _Row(one.name, pattern, _NONE, 0, 0)
            for pattern, path in bare.items()
            if (one.name, path) not in met
        ]
    return sorted(rows)


def _pattern(table: RouteTable, route: str) -> str:
    method, _, path = route.partition(" ")
    found = table.match(method.encode("latin-1", "replace"), path.encode("latin-1", "replace"))
    return found.template if found else ""


def _word(goldens: int, compared: int) -> str:
    return _GOLDEN if goldens else _SHADOW if compared else _NONE
