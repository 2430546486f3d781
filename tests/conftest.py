"""Fixtures for every test, and the output of spawned programs in the report of a failed one."""

from collections.abc import Iterator

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put what spawned programs printed under the failure they may explain."""
    report: pytest.TestReport = yield  # type: ignore[assignment] # pluggy sends the result in
    if report.failed:
        for node in item.listchain():
            for spawner in node.stash.get(OUTPUTS, []):
                report.sections.extend((f"output of {p.name}", p.tail()) for p in spawner.started)
    return report  # type: ignore[return-value] # and takes it back this way
