"""One gateway of stub workers for the tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.running import Running
from tests.support.spawn import Spawner


@pytest.fixture(scope="module")
def gateway(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A real supervisor and control process."""
    return Running(spawn_for_module, tmp_path_factory.mktemp("gateway"))


@pytest.fixture
def _restored(gateway: Running) -> Iterator[None]:
    """Clears what a test has latched."""
    yield
    for path in ("", "/features/orders", "/features/reports"):
        gateway.call("DELETE", f"/api/v1{path}/rollback", json={"reason": "after a test"})
