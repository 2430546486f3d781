"""One short round, with the real programs: what the tables are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bench import table
from bench.climb import SHARE
from bench.results import COMPARING, FEATURED, OURS
from bench.run import TURNS, Bench, Plan, measure
from bench.tools import NEEDED, find_tools
from bench.work import COPIED, IN_TURNS, MANY_IN_TURNS, PARSED

TOOLS = find_tools()
ABSENT = [name for name in (*NEEDED, "banyan") if name not in TOOLS]


@pytest.mark.skipif(bool(ABSENT), reason=f"not on this machine: {', '.join(ABSENT)}")
def test_a_round_measures_rate_processor_time_and_what_was_compared() -> None:
    """Every exchange is in the books once, and compared, also those whose bodies are equal only as values."""
    results = measure(Plan(1, 1, quick=True, only=COMPARING), TOOLS)
    for work in (COPIED, PARSED):
        found = results.median_of(COMPARING, work.name)
        assert found
        assert found.rate > 10
        assert found.cost > 10
        (rung,) = results.compared[COMPARING, work.name]
        books = rung.books
        assert books.eligible >= found.requests > 0, "each request could be shadowed"
        assert books.eligible == books.not_sampled + books.verdicts.total(), books
        assert rung.share >= SHARE, rung
    console = Console(record=True, width=160)
    table.show(results, console)
    assert "Banyan, compares" in console.export_text()


@pytest.mark.skipif(bool(ABSENT), reason=f"not on this machine: {', '.join(ABSENT)}")
def test_one_feature_a_thousand_and_many_connections_take_turns(tmp_path: Path) -> None:
    """Both gateways are up at once, each with its own configuration."""
    bench = Bench(Plan(1, 1, quick=True, only=OURS), TOOLS, tmp_path)
    with bench.upstreams():
        bench.in_turns(2)
    for proxy, work in TURNS:
        assert all(one.rate > 10 for one in bench.results.samples[proxy, work.name])
        assert len(bench.results.samples[proxy, work.name]) == 2
    assert bench.results.ratio((OURS, MANY_IN_TURNS.name), (OURS, IN_TURNS.name))
    assert bench.results.ratio((FEATURED, IN_TURNS.name), (OURS, IN_TURNS.name))
