"""Medians over the rounds, ratios to nginx, the printed table and the file of results."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.load import Sample

RESULTS = Path(__file__).resolve().parent / "results"
YARDSTICK = "nginx"

Samples = Mapping[str, Sequence[Sample]]


def medians(samples: Sequence[Sample]) -> Sample:
    """One sample that stands for all rounds; errors are added up, never averaged away."""
    return Sample(
        rate=median(sample.rate for sample in samples),
        p50=median(sample.p50 for sample in samples),
        p99=median(sample.p99 for sample in samples),
        requests=sum(sample.requests for sample in samples),
        errors=sum(sample.errors for sample in samples),
    )


def show(samples: Samples, compared: Mapping[str, str], console: Console | None = None) -> None:
    """Print the table."""
    table = Table(title="requests per second on one core, medians")
    for heading in ("proxy", "req/s", f"of {YARDSTICK}", "p50 ms", "p99 ms", "errors", "compared"):
        table.add_column(heading, justify="left" if heading in ("proxy", "compared") else "right")
    yardstick = medians(samples[YARDSTICK]).rate if samples.get(YARDSTICK) else 0.0
    for name, runs in samples.items():
        row = medians(runs)
        share = f"{row.rate / yardstick:.0%}" if yardstick else "-"
        cells = (f"{row.rate:,.0f}", share, f"{row.p50:.2f}", f"{row.p99:.2f}", str(row.errors))
        table.add_row(name, *cells, compared.get(name, "-"))
    (console or Console()).print(table)


def save(
    samples: Samples, compared: Mapping[str, str], missing: Sequence[str], settings: Mapping[str, int]
) -> Path:
    """Write bench/results/latest.json: every sample, the medians, and what the machine was."""
    RESULTS.mkdir(exist_ok=True)
    found = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processors": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "settings": dict(settings),
        "missing": list(missing),
        "rows": {
            name: {
                "median": medians(runs).as_dict(),
                "rounds": [run.as_dict() for run in runs],
                "compared": compared.get(name),
            }
            for name, runs in samples.items()
        },
    }
    file = RESULTS / "latest.json"
    file.write_text(json.dumps(found, indent=2) + "\n")
    return file
