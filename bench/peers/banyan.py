"""Banyan with one worker; with the shadow, its shadow process shares the worker's core."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.gateway_file import gateway_file
from bench.peers.model import Peer, Rig

FEATURE = """\
[[feature]]
name = "{name}"
match = ["{match}"]
percent = 10
shadow = {{ percent = {shadow} }}
guard = {{ on_failure = "hold" }}
"""


def start(rig: Rig, *, shadow: int = 0, features: int = 1) -> list[str | Path]:
    """Write the configuration, forget an earlier run's state, and return the command. Of many features one
    has the path that is asked for.
    """
    others = [FEATURE.format(name=f"f{n}", match=f"/api/f{n}/*", shadow=shadow) for n in range(1, features)]
    mine = FEATURE.format(name="everything", match="/*" if features == 1 else "/api/orders/*", shadow=shadow)
    middle = len(others) // 2
    file, state = rig.folder / "banyan.toml", rig.folder / "banyan-state"
    shutil.rmtree(state, ignore_errors=True)
    file.write_text(
        gateway_file(
            traffic=rig.port,
            admin=rig.admin,
            legacy=rig.legacy,
            new=rig.new,
            state=state,
            rest="".join([*others[:middle], mine, *others[middle:]]),
        )
    )
    return [rig.tools["banyan"], "-c", file, "--json", "run"]


BANYAN = (
    Peer("Banyan", "banyan", start),
    Peer("Banyan, 1,000 features", "banyan", lambda rig: start(rig, features=1000), "features"),
    Peer("Banyan, compares", "banyan", lambda rig: start(rig, shadow=100), "compare"),
)
