"""Each proxy accepts the configuration that is written for it, and forwards."""

import json
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from bench.peers import PEERS, Peer, Rig, upstreams
from bench.peers.direct import BODY, REWRITTEN
from bench.tools import find_tools, missing
from bench.work import COPIED, USUAL, work_for
from tests.support.ports import free_port
from tests.support.spawn import Spawner, port_open

TOOLS = find_tools()
# Banyan's own start is tested end to end; here stand the others, each where it is installed.
OTHERS = [peer for peer in PEERS if peer.start and peer.tool != "banyan"]
OF_OURS = {"recipe": Path(sys.executable)}


@pytest.mark.parametrize("peer", OTHERS, ids=lambda peer: peer.name)
def test_a_peer_starts_with_its_configuration_and_forwards(
    peer: Peer, spawn: Spawner, tmp_path: Path
) -> None:
    """A syntax error in a peer's file would make its row vanish, or flatter ours."""
    if "nginx" not in TOOLS or peer.tool not in TOOLS | OF_OURS:
        pytest.skip(f"{peer.tool} and nginx are needed to measure beside them; not on this machine")
    rig = Rig(tmp_path, free_port(), free_port(), free_port(), free_port(), TOOLS)
    assert peer.start
    spawn(upstreams(TOOLS["nginx"], tmp_path, rig.legacy, rig.new), ready=port_open(rig.legacy))
    spawn(peer.start(rig), ready=port_open(rig.port))
    with urllib.request.urlopen(f"http://127.0.0.1:{rig.port}/api/orders/17", timeout=30) as answer:
        assert json.load(answer) == json.loads(BODY)


def test_the_body_is_a_kilobyte_of_json() -> None:
    """Comparable with the figures others publish."""
    assert 900 < len(BODY) < 1300
    assert "'" not in BODY


def test_banyans_file_is_valid_toml(tmp_path: Path) -> None:
    """With and without the shadow."""
    rig = Rig(tmp_path, 1, 2, 3, 4, {"banyan": Path("banyan")})
    for peer in PEERS:
        if peer.tool == "banyan" and peer.start:
            peer.start(rig)
            written = tomllib.loads((tmp_path / "banyan.toml").read_text())
            assert written["feature"][0]["shadow"]["percent"] == (100 if peer.compares else 0)
            assert len(written["feature"]) == (1000 if peer.kind == "features" else 1)


def test_the_other_side_writes_the_same_value_differently() -> None:
    """So that a comparison has to parse both."""
    assert REWRITTEN != BODY
    assert json.loads(REWRITTEN) == json.loads(BODY)


def test_every_kind_of_peer_has_work() -> None:
    """In a long run and in a quick one."""
    for peer in PEERS:
        usual = COPIED if peer.kind in ("mirror", "compare") else USUAL
        assert usual in work_for(peer.kind, quick=False)
        assert usual in work_for(peer.kind, quick=True)


def test_what_is_missing_is_said_in_words() -> None:
    """One sentence for each program."""
    assert len(missing({})) == 6
    assert "envoy is not here" in " ".join(missing({}))
