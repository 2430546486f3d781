"""What a run is shown as: tables, the file of results, and lines for a page."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.results import OTHERS, Results, Target, targets

RESULTS = Path(__file__).resolve().parent / "results"
HEADINGS = (
    "proxy",
    "req/s",
    *(f"× {name}" for name in OTHERS),
    "p50 ms",
    "p99 ms",
    "µs of processor",
    "errors",
)


def rows(results: Results, work: str) -> Iterator[tuple[str, ...]]:
    """One row for each proxy that was given this work."""
    for proxy, given in results.samples:
        if given != work:
            continue
        one = results.median_of(proxy, work)
        assert one
        shares = (results.ratio((proxy, work), (other, work)) for other in OTHERS)
        yield (
            proxy,
            f"{one.rate:,.0f}",
            *(f"{share:.2f}" if share is not None else "-" for share in shares),
            f"{one.p50:.2f}",
            f"{one.p99:.2f}",
            f"{one.cost:,.1f}" if one.cost else "-",
            str(one.errors),
        )


def steady_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """What each proxy adds at a steady rate."""
    for proxy in results.steady:
        added = (results.added(proxy, quantile) for quantile in ("p50", "p99", "p999"))
        yield (proxy, *(f"{one:.2f}" if one is not None else "-" for one in added))


def target_row(target: Target) -> tuple[str, ...]:
    """Found and wanted, in words."""
    found, by_cost = (f"{one:,.2f}" if one is not None else "-" for one in (target.found, target.by_cost))
    reached = {True: "yes", False: "no", None: "not measured"}[target.reached]
    wanted = f"{'at most' if target.most else 'at least'} {target.wanted:g}"
    return (target.name, found, by_cost, wanted, reached)


def sections(results: Results) -> Iterator[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    """Title, headings and rows of each table."""
    for work in dict.fromkeys(work for _, work in results.samples):
        yield work, HEADINGS, list(rows(results, work))
    if results.steady:
        rate = next(iter(results.steady.values()))[0]["rate"]
        title = f"milliseconds added at a steady {rate:,.0f} requests per second"
        yield title, ("proxy", "p50", "p99", "p99.9"), list(steady_rows(results))
    if results.memory:
        found: list[tuple[str, ...]] = [
            (name, f"{one.idle:.0f}", f"{one.full:.0f}", f"{one.connections:,}")
            for name, one in results.memory.items()
        ]
        yield "MiB of the process that serves", ("proxy", "idle", "with connections", "connections"), found
    if results.compared:
        pairs: list[tuple[str, ...]] = [
            (
                f"{proxy}: {work}",
                f"{sum(one.books.verdicts['match'] for one in runs):,}",
                f"{sum(one.sample.requests for one in runs):,}",
            )
            for (proxy, work), runs in results.compared.items()
        ]
        yield "pairs that were compared and equal", ("work", "pairs", "requests"), pairs
    wanted = [target_row(target) for target in targets(results)]
    yield "what is wanted of Banyan", ("target", "found", "by processor time", "wanted", "reached"), wanted


def show(results: Results, console: Console | None = None) -> None:
    """Print the tables."""
    console = console or Console(width=max(Console().width, 140))
    for title, headings, body in sections(results):
        table = Table(title=title, title_justify="left")
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number else "left")
        for row in body:
            table.add_row(*row)
        console.print(table)


def markdown(results: Results) -> str:
    """The same for a page."""
    lines: list[str] = []
    for title, headings, body in sections(results):
        lines += ["", f"**{title}**", "", f"| {' | '.join(headings)} |"]
        lines.append(f"|{'---|' * len(headings)}")
        lines += [f"| {' | '.join(row)} |" for row in body]
    return "\n".join(lines[1:]) + "\n"


def save(results: Results, missing: Sequence[str], settings: dict[str, object]) -> Path:
    """Write bench/results/latest.json: every sample, the ratios, and what the machine was."""
    RESULTS.mkdir(exist_ok=True)
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processors": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "settings": settings,
        "missing": list(missing),
        "rows": [
            {
                "proxy": proxy,
                "work": work,
                "median": asdict(results.median_of(proxy, work) or runs[0]),
                "ratios": {other: results.ratio((proxy, work), (other, work)) for other in OTHERS},
                "rounds": [run.as_dict() for run in runs],
                "compared": [one.books._asdict() for one in results.compared.get((proxy, work), [])],
            }
            for (proxy, work), runs in results.samples.items()
        ],
        "steady": results.steady,
        "memory": {name: one._asdict() for name, one in results.memory.items()},
        "targets": [{**target._asdict(), "reached": target.reached} for target in targets(results)],
    }
    file = RESULTS / "latest.json"
    file.write_text(json.dumps(found, indent=2) + "\n")
    return file


ALT = "requests per second on one core"
BEGIN, END = "<!-- tables: python -m bench --publish -->", "<!-- end of the tables -->"


def publish(results: Results, page: Path) -> None:
    """Put the tables into a page, between its two marks."""
    text = page.read_text() if page.exists() else ""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    shown = f"## One run\n\n![{ALT}](speed.svg)\n\n{markdown(results)}"
    page.write_text(f"{before}{BEGIN}\n\n{shown}\n{END}{after}")
