"""Fixtures for every test, and what is done about one that failed: its programs' output, a second run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.fixtures import (
    OUTPUTS,
    browser,
    chromium,
    postgres,
    redis_server,
    spawn,
    spawn_for_module,
    unleash,
)

# How long one example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

__all__ = ["browser", "chromium", "postgres", "redis_server", "spawn", "spawn_for_module", "unleash"]


STARTS_PROGRAMS = frozenset({"spawn", "spawn_for_module", "browser"})
FROM_OUTSIDE = frozenset({"access", "compliance", "deploy", "e2e", "operations"})
"""The folders of `tests/` whose tests have a gateway's sockets between themselves and what they look at."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that looks at running programs is run once more when it fails, and listed as RERUN at the end:
    it shares the machine with them and with other tests, and may find it busy for seconds. What fails twice
    has failed. All others get one run.
    """
    tests = Path(__file__).parent
    for item in items:
        outside = item.path.relative_to(tests).parts[0] in FROM_OUTSIDE
        if outside or STARTS_PROGRAMS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put what spawned programs printed under the failure they may explain."""
    report: pytest.TestReport = yield  # type: ignore[assignment] # pluggy sends the result in
    if report.failed:
        for node in item.listchain():
            for spawner in node.stash.get(OUTPUTS, []):
                report.sections.extend((f"output of {p.name}", p.tail()) for p in spawner.started)
    return report  # type: ignore[return-value] # and takes it back this way


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why each test that was run again failed the first time."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"{report.nodeid} failed the first time", "-")
        terminalreporter.line(report.longreprtext)
