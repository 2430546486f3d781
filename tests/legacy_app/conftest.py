"""One running application for each test module, and one new person for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.legacy_app.servers import Legacy, Person
from tests.support.spawn import Spawner


@pytest.fixture(scope="module")
def legacy(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Legacy:
    folder: Path = tmp_path_factory.mktemp("legacy-sessions")
    return Legacy(spawn_for_module, folder)


@pytest.fixture
def person(legacy: Legacy) -> Iterator[Person]:
    with legacy.person() as someone:
        yield someone
