"""One picture of a run, as SVG: requests per second on one core, as bars. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from bench.results import COMPARING, ENVOY_MIRROR, NGINX_MIRROR, OURS, Results
from bench.work import COPIED, PARSED, USUAL

GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "forward",
        tuple((name, name, USUAL.name) for name in ("nginx", "HAProxy", OURS, "Envoy", "FastAPI + httpx")),
    ),
    (
        "send every request to the other side too",
        (
            ("Banyan, compares both answers", COMPARING, COPIED.name),
            ("Banyan, parses and compares both", COMPARING, PARSED.name),
            ("nginx mirror, drops the answer", NGINX_MIRROR, COPIED.name),
            ("Envoy mirror, drops the answer", ENVOY_MIRROR, COPIED.name),
        ),
    ),
)
WIDTH, LEFT, ROW = 760, 260, 26
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#57606a}.h{font-weight:600}"
    ".b{fill:#8c959f}.o{fill:#1a7f37}.n{text-anchor:end}"
)


def picture(results: Results) -> str:
    """The whole file."""
    lines = list(_lines(results))
    height = int(lines.pop())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="requests per second on one core">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(lines) + "\n</svg>\n"
    )


def _lines(results: Results) -> Iterator[str]:
    """Element by element; the last one is the height."""
    rates = {
        (proxy, work): one.rate for proxy, work in results.samples if (one := results.median_of(proxy, work))
    }
    shown = [(proxy, work) for _, bars in GROUPS for _, proxy, work in bars if (proxy, work) in rates]
    longest = max((rates[key] for key in shown), default=1.0)
    y = 20
    for title, bars in GROUPS:
        yield f'<text class="h" x="8" y="{y}">{escape(title)}: requests per second on one core</text>'
        y += 10
        for label, proxy, work in bars:
            rate = rates.get((proxy, work))
            if rate is None:
                continue
            size = max(1, round((WIDTH - LEFT - 80) * rate / longest))
            kind = "o" if proxy.startswith(OURS) else "b"
            yield f'<text class="n" x="{LEFT - 8}" y="{y + 16}">{escape(label)}</text>'
            yield f'<rect class="{kind}" x="{LEFT}" y="{y + 3}" width="{size}" height="{ROW - 8}" rx="2"/>'
            yield f'<text x="{LEFT + size + 6}" y="{y + 16}">{rate:,.0f}</text>'
            y += ROW
        y += 28
    yield str(y - 18)
