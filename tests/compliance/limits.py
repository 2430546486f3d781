"""Short limits, each for the one test that drives it past its end: on a machine that stands still for a
moment every other test would meet them too.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.support.raw import ClosedEarlyError

TRIES = 20


def within(settings: str = "", **upstreams: str) -> pytest.MarkDecorator:
    """A stage with these limits for one test: lines of ``[listen]``, and keys of the upstreams as in
    ``LEGACY__TIMEOUT="400ms"``.
    """
    env = {f"BANYAN_UPSTREAMS__{key}": value for key, value in upstreams.items()}
    wishes = SimpleNamespace(SETTINGS=f"[listen]\n{settings}\n" if settings else "", ENV=env)
    name = " ".join([*settings.splitlines(), *(f"{key}={value}" for key, value in upstreams.items())])
    return pytest.mark.parametrize("stage", [wishes], indirect=True, ids=[name.replace('"', "")])


def undisturbed(attempt: Callable[[], bool]) -> bool:
    """Whether one of several attempts succeeds: of what must be in time on both sides, and is not where the
    machine holds one of them up. A gateway that is wrong fails each of them: a delay makes nothing earlier.

    An attempt whose connection was closed without a word, because it idled, counts as one that failed.
    """
    for _ in range(TRIES):
        try:
            if attempt():
                return True
        except (ClosedEarlyError, BrokenPipeError, ConnectionResetError):
            continue
    return False
