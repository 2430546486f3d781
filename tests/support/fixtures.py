"""The fixtures every test may ask for by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.support.chromium import ARGUMENTS, MISSING, find_chromium
from tests.support.ports import PATIENCE
from tests.support.postgres import MISSING as NO_POSTGRES
from tests.support.postgres import Postgres, find_postgres
from tests.support.redis import RedisServer, start_redis
from tests.support.spawn import Spawner
from tests.support.unleash import MISSING as NO_UNLEASH
from tests.support.unleash import UnleashServer, find_unleash, start_unleash

OUTPUTS = pytest.StashKey[list[Spawner]]()


@pytest.fixture
def spawn(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Spawner]:
    """Start programs that end with this test; a failure report shows what they printed."""
    folder = tmp_path / "spawned"
    folder.mkdir()
    with Spawner(folder) as spawner:
        request.node.stash.setdefault(OUTPUTS, []).append(spawner)
        yield spawner


@pytest.fixture(scope="module")
def spawn_for_module(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Spawner]:
    """The same for programs that serve a whole test module."""
    with Spawner(tmp_path_factory.mktemp("spawned")) as spawner:
        request.node.stash.setdefault(OUTPUTS, []).append(spawner)
        yield spawner


@pytest.fixture
def redis_server(spawn: Spawner) -> RedisServer:
    """An empty Redis of this test's own."""
    return start_redis(spawn)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this process; each takes a database of its own."""
    if not find_postgres():
        pytest.skip(NO_POSTGRES)
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def unleash(spawn_for_module: Spawner, request: pytest.FixtureRequest) -> UnleashServer:
    """An Unleash server for one module, empty at its beginning; each test takes features of its own."""
    if find_unleash() is None:
        pytest.skip(NO_UNLEASH)
    return start_unleash(spawn_for_module, request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's executable; skips with the reason where there is none."""
    if (path := find_chromium()) is None:
        pytest.skip(MISSING)
    return path


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """A running headless browser."""
    expect.set_options(timeout=PATIENCE * 1000)  # milliseconds
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(chromium), args=list(ARGUMENTS))
        yield launched
        launched.close()
