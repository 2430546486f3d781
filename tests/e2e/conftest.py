"""The reference migration, running: started once for a module of tests, ended with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.migration import Migration

RUNNING = pytest.StashKey[Migration]()


@pytest.fixture(scope="module")
def migration(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Migration]:
    """Both applications and the gateway in front of them, on free ports."""
    with Migration(tmp_path_factory.mktemp("migration")) as running:
        request.node.stash[RUNNING] = running
        yield running


@pytest.fixture
def fresh_migration(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Migration]:
    """The same for one test that breaks something."""
    with Migration(tmp_path) as running:
        request.node.stash[RUNNING] = running
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put what the servers printed last under a failure."""
    report: pytest.TestReport = yield  # type: ignore[assignment] # pluggy sends the result in
    if report.failed:
        for node in item.listchain():
            if running := node.stash.get(RUNNING, None):
                for name in ("legacy", "new", "gateway"):
                    report.sections.append((f"the last of {name}", running.log_of(name)[-3000:]))
    return report  # type: ignore[return-value] # and takes it back this way
