"""A stage for every test: one worker for all modules that ask for the same settings.

A module says what it needs with ``SETTINGS`` (TOML), ``FEATURES`` (TOML) and ``ENV`` (keys of the upstreams)
at its top; a test that needs other limits says them with ``limits.within``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.compliance.oracle import OPENER
from tests.support.stage import Stage, open_stage
from tests.support.worker import DEFAULT_FEATURE


@pytest.fixture(scope="session")
def stages(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[object], Stage]]:
    """Opens the stage that a module or a test asks for, once for all that ask for the same."""
    opener = pytestconfig.stash.get(OPENER, open_stage)
    opened: dict[tuple[str, ...], Stage] = {}
    with ExitStack() as stack:

        def stage_of(asker: object) -> Stage:
            settings = getattr(asker, "SETTINGS", "")
            features = getattr(asker, "FEATURES", DEFAULT_FEATURE)
            env: dict[str, str] = getattr(asker, "ENV", {})
            wishes = (settings, features, *sorted(f"{key}={value}" for key, value in env.items()))
            if wishes not in opened:
                folder = tmp_path_factory.mktemp("stage")
                opened[wishes] = stack.enter_context(
                    opener(folder, settings=settings, features=features, env=env)
                )
            return opened[wishes]

        yield stage_of


@pytest.fixture
def stage(stages: Callable[[object], Stage], request: pytest.FixtureRequest) -> Stage:
    """The stage of this test or its module, as if nothing had been played on it."""
    stage = stages(getattr(request, "param", request.module))
    stage.reset()
    return stage
