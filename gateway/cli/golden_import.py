"""`banyan golden import FORMAT FILE…`: flows made from what a team has already."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from gateway.cli import golden_inputs as inputs
from gateway.cli.failures import NO
from gateway.cli.golden_options import FILE, guarded
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings
from golden import FORMATS, GoldenError, Wish, import_flows, scrubber_for, to_toml, write

__all__ = ["import_command"]


@click.command("import")
@click.argument("kind", type=click.Choice(sorted(FORMATS)), metavar="FORMAT")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@click.option(
    "--to", "folder", type=FILE, default=Path("golden/flows"), show_default=True, help="Where flows go."
)
@click.option("--host", default="", help="HAR: whose requests; default: the host that was asked most.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Most steps of a flow."
)
@click.option("--force", is_flag=True, help="Replace flows of the same name.")
@click.option("--rules", type=FILE, help="The rule file, for further names of secrets.")
@shared
@pass_settings
@click.pass_context
def import_command(
    context: click.Context,
    settings: Settings,
    /,
    kind: str,
    files: tuple[Path, ...],
    folder: Path,
    host: str,
    limit: int,
    force: bool,
    rules: Path | None,
) -> None:
    """Write flows from HAR files, OpenAPI documents, nginx's combined logs or Postman collections."""
    scrubber = scrubber_for(inputs.rules(settings, rules))
    rows: list[dict[str, object]] = []
    warnings: list[str] = []
    problems: list[str] = []
    variables: dict[str, str] = {}
    code = 0
    for file in files:
        wish = Wish(file.stem, scrubber, host, limit, variables)
        try:
            found = import_flows(kind, file, wish)
        except GoldenError as error:
            problems.append(str(error))
            code = 2
            continue
        warnings += [f"{file}: {what}" for what in found.warnings]
        for flow in found.flows:
            path = folder / flow.file
            if path.exists() and not force:
                problems.append(f"{path}: is there already; --force replaces it")
                code = code or NO
                continue
            guarded(partial(write, path, to_toml(flow, f"Imported from {file.name}.")))
            rows.append({"flow": flow.name, "steps": len(flow.steps), "file": str(path)})
    if settings.as_json:
        print_json({"flows": rows, "warnings": warnings, "problems": problems})
    else:
        table(
            ("flow", "steps", "file"),
            [tuple(row.values()) for row in rows],
            nothing="There was nothing to import.",
        )
        for warning in warnings:
            say(f"warning: {warning}")
        for problem in problems:
            say(f"problem: {problem}")
    context.exit(code if rows or code else 2)
