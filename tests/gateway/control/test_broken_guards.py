"""What is weighed anew when the guards are looked at: what may have changed, and nothing else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from flags import FeatureState, FlagSnapshot, Judgement, Totals
from gateway.config import Feature, parse_config
from gateway.control import EvidenceBook, Report
from gateway.control.aside import Aside
from gateway.control.broken_guards import BrokenGuards
from gateway.control.judging import JudgeDesk
from gateway.control.plan_standings import PlanStandings

FILE = """
[upstreams.legacy]
url = "http://127.0.0.1:1"
[upstreams.new]
url = "http://127.0.0.1:2"
[[feature]]
name = "orders"
match = ["/orders/*"]
[[feature]]
name = "reports"
match = ["/reports/*"]
"""


class Counted(PlanStandings):
    """Writes down whom the judge was asked about."""

    asked: list[str]

    async def judged(self, feature: Feature, snapshot: FlagSnapshot) -> Judgement:
        self.asked.append(feature.name)
        return await super().judged(feature, snapshot)


def at(orders: int) -> FlagSnapshot:
    return FlagSnapshot(1, features={"orders": FeatureState(orders), "reports": FeatureState()})


async def test_only_a_feature_of_which_something_changed_is_weighed_anew() -> None:
    config, book = parse_config(FILE, "banyan.toml", {}), EvidenceBook(lambda: 1_800_000_000.0)
    accord = cast("Any", SimpleNamespace(where=lambda name, percent: None))
    standings = Counted(
        config=lambda: config,
        snapshot=lambda: at(0),
        accord=accord,
        book=book,
        judge=JudgeDesk(book),
        clock=lambda: 1_800_000_000.0,
    )
    guards = BrokenGuards(standings, cast("Any", None), acting=asyncio.Lock(), aside=Aside())

    async def looked(snapshot: FlagSnapshot) -> list[str]:
        standings.asked = []
        await guards.look(config, snapshot)
        return standings.asked

    assert await looked(at(0)) == ["orders", "reports"]
    assert await looked(at(0)) == []
    assert await looked(at(1000)) == ["orders"], "its dial has moved"
    assert await looked(at(1000)) == []
    book.add(Report("worker-0", "1", evidence={"reports": Totals(compared=5)}))
    assert await looked(at(1000)) == ["reports"], "its evidence has grown"
    assert await looked(at(1000)) == []
