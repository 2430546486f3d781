"""How a gateway names itself: by what only it and its group have."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config, parse_config
from gateway.keys import sticky_key
from gateway.upstreams import pseudonym

SIDES = '[upstreams.legacy]\nurl = "http://127.0.0.1:1"\n[upstreams.new]\nurl = "http://127.0.0.1:2"\n'


def config_at(state: Path) -> Config:
    """A gateway with its state there."""
    return parse_config(f'{SIDES}[state]\ndir = "{state}"\n', state.parent / "banyan.toml", {})


def test_the_name_stays_over_a_restart_and_is_another_for_each_folder_of_one_path(tmp_path: Path) -> None:
    """Two machines, or two containers, have their state at the same path."""
    state = tmp_path / "state"
    names = []
    for machine in ("one", "two"):
        state.mkdir()
        sticky_key(state).ensure()
        names.append(pseudonym(config_at(state)))
        assert pseudonym(config_at(state)) == names[-1]
        state.rename(tmp_path / machine)
    assert names[0] != names[1]
    (tmp_path / "one").rename(state)
    assert pseudonym(config_at(state)) == names[0]


def test_machines_that_share_their_users_have_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that runs in a circle between them is seen at once."""
    monkeypatch.setenv("BANYAN_STICKY_KEY", "k" * 32)
    assert pseudonym(config_at(tmp_path / "one")) == pseudonym(config_at(tmp_path / "two"))


def test_a_folder_without_a_key_names_itself_by_its_path(tmp_path: Path) -> None:
    """A disk that is full at the first start costs no request."""
    names = {pseudonym(config_at(tmp_path / name)) for name in ("one", "two")}
    assert len(names) == 2
