"""One gateway of stub workers for the tests of the admin port."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.running import Running
from tests.support.spawn import Spawner

TOKENS = {"looker": "viewer", "pusher": "operator"}


@pytest.fixture(scope="module")
def gateway(spawn_for_module: Spawner, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A real supervisor and control process; besides the admin token there are `looker` and `pusher`."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    (folder / "var").mkdir()
    rows = [
        {"name": name, "role": role, "sha256": hashlib.sha256(name.encode()).hexdigest()}
        for name, role in TOKENS.items()
    ]
    (folder / "var" / "tokens.json").write_text(json.dumps({"tokens": rows}))
    return Running(spawn_for_module, folder, workers=1)


@pytest.fixture(autouse=True)
def _nothing_latched(gateway: Running) -> Iterator[None]:
    yield
    for path in ("", "/features/orders", "/features/reports"):
        gateway.call("DELETE", f"/api/v1{path}/rollback", json={"reason": "after a test"})
