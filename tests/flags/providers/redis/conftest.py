"""A real Redis is asked as patiently as the machine needs; that there is a limit is tested elsewhere."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flags.providers.redis.store.LIMIT", 60.0)
    monkeypatch.setattr("flags.providers.redis.roll._LEAVING", 60.0)
    monkeypatch.setattr("flags.providers.redis.turns._KEPT", 600_000)
