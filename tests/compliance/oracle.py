"""The table of rules asked of Envoy: a pytest plugin that puts it on the gateway's place, and counts.

    python -m tests.compliance --oracle     runs it, records the outcome, and prints the page
    python -m tests.compliance --record     the same for the gateway itself

A test that asks for what only this gateway has (its counters, a latch, its own process) is not asked of
Envoy. What Envoy does otherwise is explained in ``differences``.
"""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, cast

import hypothesis
import pytest

from flags import StatePage
from gateway.config import parse_config
from tests.compliance.record import Outcome, Record, save
from tests.support.envoy import DIAL, find_envoy, in_our_place, start_envoy, version
from tests.support.ports import LOOPBACK
from tests.support.reports import ReportListener
from tests.support.spawn import Spawner
from tests.support.stage import Player, Stage
from tests.support.worker import DEFAULT_FEATURE, WorkerUnderTest

FOLDER = Path(__file__).parent


class Envoy(WorkerUnderTest):
    """In a worker's place: it has a port, a process and a dial."""

    admin: int

    def dial(self, feature: str, percent: float) -> None:
        """By a runtime key."""
        url = f"http://{LOOPBACK}:{self.admin}/runtime_modify?{DIAL}={percent:.0f}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5):
            pass

    def latch(self, feature: str | None, on: bool = True) -> NoReturn:
        """There is none."""
        pytest.skip("Envoy has no latch")


class NoReports:
    """In the place of a worker's counters."""

    def total(self, name: str, **labels: str) -> NoReturn:
        """There are others."""
        pytest.skip("Envoy has other counters")


@contextmanager
def open_envoy_stage(
    folder: Path,
    *,
    settings: str = "",
    features: str = DEFAULT_FEATURE,
    env: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """Like ``open_stage``, with Envoy between the two players."""
    legacy, new = Player("legacy"), Player("new")
    ports = "".join(
        f'[upstreams.{player.name}]\nurl = "http://{LOOPBACK}:{player.port}"\n' for player in (legacy, new)
    )
    config = parse_config(f"{settings}\n{ports}\n{features}", folder / "banyan.toml", env or {})
    file, port, admin = in_our_place(folder, config)
    logs = folder / "logs"
    logs.mkdir()
    with legacy.upstream, new.upstream, Spawner(logs) as spawn:
        process = start_envoy(spawn, file, port)
        envoy = Envoy(port, process, cast(StatePage, None), config, -1)
        envoy.admin = admin
        yield Stage(envoy, legacy, new, cast(ReportListener, NoReports()), 0)


class Counting:
    """Counts the cases of every test, by their outcome."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, str], int] = defaultdict(int)
        self._asked: dict[tuple[str, str], int] = defaultdict(int)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A case is over, or could not begin."""
        if report.skipped or (report.when != "call" and not report.failed):
            return
        file, _, name = report.nodeid.partition("::")
        test = (Path(file).stem, name.partition("[")[0])
        self._asked[test] += 1
        self._passed[test] += report.passed

    def record(self, peer: str) -> Record:
        """Everything so far."""
        outcomes: dict[str, dict[str, Outcome]] = defaultdict(dict)
        for (module, test), asked in self._asked.items():
            outcomes[module][test] = Outcome(self._passed[module, test], asked)
        return Record(peer, dict(outcomes))


def pytest_configure(config: pytest.Config) -> None:
    """Loaded with ``-p``, in every process: stages are Envoy's."""
    config.stash[OPENER] = open_envoy_stage
    hypothesis.settings.register_profile("oracle", phases=[hypothesis.Phase.generate])
    hypothesis.settings.load_profile("oracle")  # the smallest example is of no interest here


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only what asks for a stage can be asked of somebody else."""
    items[:] = [item for item in items if "stage" in cast(pytest.Function, item).fixturenames]


OPENER = pytest.StashKey[Any]()


def ask(name: str) -> int:
    """Run the whole table for ``gateway`` or ``envoy`` and record it; 0, or 2 where there is no Envoy."""
    words = [str(FOLDER), "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-n", "2"]
    words += ["--dist", "loadfile", f"--ignore={FOLDER / 'test_page.py'}"]
    peer = "Banyan"
    if name == "envoy":
        envoy = find_envoy()
        if envoy is None:
            return 2
        peer = f"Envoy {version(envoy)}"
        words += ["-p", "tests.compliance.oracle"]
    counting = Counting()
    pytest.main(words, plugins=[counting])
    save(name, counting.record(peer))
    return 0
