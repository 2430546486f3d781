"""Drawings as SVG, without a library: they stand in the HTML, and beside the Markdown as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bench.goldens.figures import BROKEN, HOLDS, Criterion, SideFigures, quantile

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 260, 64, 36, 28
COLOURS = {"legacy": "#b7791f", "new": "#2f855a"}
OUTCOMES = {HOLDS: "#2f855a", BROKEN: "#c53030"}
_STYLE = "font-family: system-ui, sans-serif; font-size: 12px"


def curves(samples: dict[str, Sequence[float]]) -> str:
    """How long requests took: the time under which each share of them stayed."""
    shares = [0.01 * number for number in range(100)] + [0.99 + 0.001 * number for number in range(10)]
    sorted_ = {name: sorted(values) for name, values in samples.items() if values}
    highest = max(quantile(values, 0.999) for values in sorted_.values()) * 1000
    parts = [*_axis(highest, "ms")]
    for name, values in sorted_.items():
        points = [
            f"{LEFT + share * (WIDTH - LEFT - 16):.1f},{_up(quantile(values, share) * 1000, highest):.1f}"
            for share in shares
        ]
        parts.append(
            f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="2" points="{" ".join(points)}"/>'
        )
    for share in (0.5, 0.95, 0.99):
        x = LEFT + share * (WIDTH - LEFT - 16)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(_text(x, HEIGHT - BOTTOM + 16, f"p{share * 100:g}", "middle"))
    return _svg("Time to answer by percentile", [*parts, *_legend(sorted_)])


def rounds(sides: Sequence[SideFigures]) -> str:
    """The 95th percentile of every round: whether the machine was quiet."""
    highest = max(value for side in sides for value in side.p95_by_round) * 1000
    parts = [*_axis(highest, "ms")]
    for side in sides:
        step = (WIDTH - LEFT - 32) / max(1, len(side.p95_by_round) - 1)
        places = [
            (LEFT + 8 + number * step, _up(value * 1000, highest))
            for number, value in enumerate(side.p95_by_round)
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(
            f'<polyline fill="none" stroke="{COLOURS[side.name]}" stroke-dasharray="3 3" points="{points}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[side.name]}"/>' for x, y in places]
    parts.append(_text(WIDTH / 2, HEIGHT - 12, "round", "middle"))
    return _svg("p95 of every round", [*parts, *_legend(side.name for side in sides)])


def intervals(criteria: Sequence[Criterion]) -> str:
    """Each ratio with its interval, beside its limit."""
    shown = [one for one in criteria if one.limit]
    highest = max(max(one.high, one.limit) for one in shown) * 1.15
    parts = []
    for number, one in enumerate(shown):
        y = TOP + 40 + number * 60
        low, value, high, limit = (
            LEFT + 40 + part / highest * (WIDTH - LEFT - 72)
            for part in (one.low, one.value, one.high, one.limit)
        )
        colour = OUTCOMES.get(one.outcome, "#718096")
        parts += [
            _text(8, y + 4, one.name, "start"),
            f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{colour}" stroke-width="3"/>',
            f'<circle cx="{value:.1f}" cy="{y}" r="5" fill="{colour}"/>',
            f'<line x1="{limit:.1f}" y1="{y - 18}" x2="{limit:.1f}" y2="{y + 18}" stroke="#c53030"/>',
            _text(limit, y - 22, f"limit {one.limit:g}", "middle"),
            _text(value, y + 20, f"{one.value:.2f}", "middle"),
        ]
    return _svg("New to legacy, with 95 % intervals", parts)


def _axis(highest: float, unit: str) -> list[str]:
    parts = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _up(highest * share, highest)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 16}" y2="{y:.1f}" stroke="#eee"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{highest * share:.3g} {unit}", "end"))
    return parts


def _up(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - min(1.0, value / highest if highest else 0.0) * (HEIGHT - BOTTOM - TOP)


def _legend(names: Iterable[str]) -> list[str]:
    parts = []
    for number, name in enumerate(names):
        x, colour = LEFT + 8 + number * 90, COLOURS[name]
        parts.append(f'<rect x="{x}" y="{TOP + 4}" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(LEFT + 26 + number * 90, TOP + 14, name, "start"))
    return parts


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#333">{escape(text)}</text>'


def _svg(title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" style="{_STYLE}">'
    )
    frame = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join(
        [head, f"<title>{escape(title)}</title>", frame, _text(8, 16, title, "start"), *parts, "</svg>"]
    )
