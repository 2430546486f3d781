"""What a run says: ratios, targets, tables, and the picture."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import table
from bench.books import Books
from bench.climb import Rung
from bench.load import Sample
from bench.picture import picture
from bench.results import COMPARING, NGINX_MIRROR, OURS, Memory, Results, targets
from bench.work import COPIED, LARGE, PARSED, USUAL


def samples(*pairs: tuple[float, float]) -> list[Sample]:
    """Rate and cost of each round."""
    return [Sample(rate, 1.0, 2.0, 100, 0, cost) for rate, cost in pairs]


@pytest.fixture
def results() -> Results:
    """Three rounds on a machine that was slower each time."""
    found = Results()
    found.samples = {
        ("nginx", USUAL.name): samples((40.0, 10.0), (20.0, 10.0), (2.0, 10.0)),
        (OURS, USUAL.name): samples((20.0, 15.0), (12.0, 16.0), (1.0, 20.0)),
        (COMPARING, PARSED.name): samples((9.0, 50.0)),
        (NGINX_MIRROR, COPIED.name): samples((10.0, 100.0)),
    }
    books = Books(103, 0, Counter(match=101, dropped=2))
    found.compared = {(COMPARING, PARSED.name): [Rung(9.0, Sample(9.0, 1.0, 2.0, 100, 0), books)]}
    found.steady = {
        name: [{"p50": 1.0, "p99": x, "p999": 9.0, "rate": 5.0}]
        for name, x in (("no proxy", 2.0), (OURS, 5.0))
    }
    found.memory = {OURS: Memory(50.0, 130.0, 5000)}
    return found


def test_a_ratio_is_taken_within_a_round(results: Results) -> None:
    """A slow round slows both."""
    ours, nginx = (OURS, USUAL.name), ("nginx", USUAL.name)
    assert results.ratio(ours, nginx) == 0.5
    assert results.cost_ratio(ours, nginx) == pytest.approx(10 / 16)
    assert results.ratio(ours, ("Envoy", USUAL.name)) is None
    assert results.added(OURS, "p99") == 3.0


def test_targets(results: Results) -> None:
    """Reached, missed, and not measured."""
    found = {one.name: one for one in targets(results)}
    assert found["forward: × nginx"].reached is True
    assert found["forward: × Envoy"].reached is None
    assert found["pairs compared, parsed: × nginx mirror"][1:] == (0.9, 1.1, False, 2.0)
    assert found["pairs compared, parsed: × nginx mirror"].reached is False
    assert found["share of the pairs that were compared"].found == 1.0
    assert found["MiB of a worker, idle"].reached is True
    assert found["MiB of a worker, 5,000 idle connections"].reached is False


def test_a_page_gets_the_tables_between_its_marks(results: Results, tmp_path: Path) -> None:
    """And keeps what stands around them, however often."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    for _ in range(2):
        table.publish(results, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("| forward: × nginx | 0.50 | 0.62 | at least 0.5 | yes |") == 1
    assert LARGE.name not in text


def test_the_picture_is_valid_and_shows_what_was_measured(results: Results) -> None:
    """A bar for each, ours told apart; what was not measured is left out."""
    root = ET.fromstring(picture(results))
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert [one.get("class") for one in bars] == ["b", "o", "o", "b"]
    assert max(int(one.get("width", 0)) for one in bars) == int(bars[0].get("width", 0))
