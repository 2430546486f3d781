"""Banyan with one worker; with the shadow, its shadow process shares the worker's core."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.peers.model import Peer, Rig

CONFIGURATION = """\
[listen]
traffic = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin}"
workers = 1

[upstreams.legacy]
url = "http://127.0.0.1:{legacy}"
[upstreams.new]
url = "http://127.0.0.1:{new}"

[state]
dir = "{folder}/banyan-state"

[[feature]]
name = "everything"
match = ["/*"]
percent = 10
shadow = {{ percent = {shadow} }}
"""


def start(rig: Rig, shadow: int) -> list[str | Path]:
    """Write the configuration, forget an earlier run's state, and return the command."""
    file = rig.folder / "banyan.toml"
    shutil.rmtree(rig.folder / "banyan-state", ignore_errors=True)
    file.write_text(
        CONFIGURATION.format(
            folder=rig.folder, port=rig.port, admin=rig.admin, legacy=rig.legacy, new=rig.new, shadow=shadow
        )
    )
    return [rig.tools["banyan"], "-c", file, "--json", "run"]


BANYAN = (
    Peer("Banyan", "banyan", lambda rig: start(rig, 0)),
    Peer("Banyan, shadow 100 %", "banyan", lambda rig: start(rig, 100), shadows=True, compares=True),
)
