"""One running application for all tests that only talk to it, and visitors who do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.new_app.servers import new_app
from tests.new_app.visitor import Visitor


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real process with nothing but defaults (and no delay between two pieces)."""
    with new_app(tmp_path_factory.mktemp("new_app")) as url:
        yield url


@pytest.fixture
def visitor(app: str) -> Iterator[Visitor]:
    with Visitor(app) as someone:
        yield someone
