"""The verdict as Markdown with pictures beside it, as one HTML page, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from bench.goldens import pictures
from bench.goldens.figures import Criterion, SideFigures, Verdict
from bench.goldens.rounds import Turn

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Performance: {word}</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }}
td, th {{ padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right }}
td:first-child, th:first-child {{ text-align: left }} svg {{ max-width: 100%; margin: 1rem 0 }}</style></head>
<body><h1>Performance: {word}</h1><p>{about}</p>{tables}{drawings}</body></html>
"""


def write(verdict: Verdict, turns: Sequence[Turn], folder: Path, about: str) -> list[Path]:
    """Write all three and the pictures into `folder`; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = {name: [s for t in turns if t.side == name for s in t.seconds] for name in ("legacy", "new")}
    drawn = {
        "percentiles": pictures.curves(dict(samples)),
        "rounds": pictures.rounds((verdict.legacy, verdict.new)),
        "ratios": pictures.intervals(verdict.criteria),
    }
    files = {f"{name}.svg": text for name, text in drawn.items()}
    files["performance.md"] = markdown(verdict, about, tuple(drawn))
    files["performance.html"] = html(verdict, about, tuple(drawn.values()))
    files["performance.json"] = (
        json.dumps(_plain({"verdict": verdict.word, **asdict(verdict)}), indent=2) + "\n"
    )
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def _plain(value: Any) -> Any:
    """JSON has no form for what could not be computed (a percentile of nothing): null."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def markdown(verdict: Verdict, about: str, drawings: Sequence[str]) -> str:
    """Two tables and the pictures."""
    lines = [f"# Performance: {verdict.word}", "", about, ""]
    for header, rows in (_sides(verdict), _limits(verdict)):
        lines += [f"| {' | '.join(header)} |", f"| --- {'| ---: ' * (len(header) - 1)}|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        lines.append("")
    lines += [f"![{name}]({name}.svg)" for name in drawings]
    return "\n".join(lines) + "\n"


def html(verdict: Verdict, about: str, drawings: Sequence[str]) -> str:
    """One page that needs nothing else."""
    tables = []
    for header, rows in (_sides(verdict), _limits(verdict)):
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        tables.append(f"<table><tr>{head}</tr>{body}</table>")
    drawn = "".join(drawings)
    return _PAGE.format(
        word=escape(verdict.word), about=escape(about), tables="<br>".join(tables), drawings=drawn
    )


def _sides(verdict: Verdict) -> tuple[list[str], list[list[str]]]:
    header = ["side", "requests", "failed", "p50", "p95", "p99", "memory"]
    return header, [_side(side) for side in (verdict.legacy, verdict.new)]


def _side(side: SideFigures) -> list[str]:
    times = [f"{value * 1000:.1f} ms" for value in (side.p50, side.p95, side.p99)]
    memory = f"{side.memory:.0f} MiB" if side.memory else "-"
    return [side.name, f"{side.requests:,}", f"{side.failed:,}", *times, memory]


def _limits(verdict: Verdict) -> tuple[list[str], list[list[str]]]:
    header = ["new to legacy", "seen", "95 % interval", "limit", "so"]
    return header, [_limit(one) for one in verdict.criteria]


def _limit(one: Criterion) -> list[str]:
    if one.limit:
        numbers = [f"{one.value:.2f} ×", f"{one.low:.2f} to {one.high:.2f}", f"{one.limit:g} ×"]
    else:
        numbers = [f"{one.value:+.3%}", f"{one.low:+.3%} to {one.high:+.3%}", "not above"]
    return [one.name, *numbers, one.outcome]
