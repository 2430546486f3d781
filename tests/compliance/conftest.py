"""A stage for every test: one worker for all modules that ask for the same settings.

A module says what it needs with ``SETTINGS`` (TOML), ``FEATURES`` (TOML) and ``ENV`` (keys of the upstreams)
at its top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType

import pytest

from tests.support.stage import Stage, open_stage
from tests.support.worker import DEFAULT_FEATURE


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[ModuleType], Stage]]:
    """Opens the stage that a module asks for, once for all modules that ask for the same."""
    opened: dict[tuple[str, ...], Stage] = {}
    with ExitStack() as stack:

        def stage_of(module: ModuleType) -> Stage:
            settings = getattr(module, "SETTINGS", "")
            features = getattr(module, "FEATURES", DEFAULT_FEATURE)
            env: dict[str, str] = getattr(module, "ENV", {})
            wishes = (settings, features, *sorted(f"{key}={value}" for key, value in env.items()))
            if wishes not in opened:
                folder = tmp_path_factory.mktemp("stage")
                opened[wishes] = stack.enter_context(
                    open_stage(folder, settings=settings, features=features, env=env)
                )
            return opened[wishes]

        yield stage_of


@pytest.fixture
def stage(stages: Callable[[ModuleType], Stage], request: pytest.FixtureRequest) -> Stage:
    """The stage of this test's module, as if nothing had been played on it."""
    stage = stages(request.module)
    stage.reset()
    return stage
