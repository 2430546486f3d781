"""The table of keys: it, the values and the documentation say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config import KEYS, REQUIRED, Feature, Listen, Shadow, State, parse_config, render_keys
from gateway.config.documentation import render_keys as render

LEAST = (
    '[upstreams.legacy]\nurl = "http://l:1"\n[upstreams.new]\nurl = "http://n:1"\n[[feature]]\nname = "a"\n'
)


def _own_defaults(value: msgspec.Struct) -> dict[str, Any]:
    return {
        field.name: field.default
        for field in msgspec.structs.fields(value)
        if field.default is not msgspec.NODEFAULT
    }


def _structs(value: Any) -> list[msgspec.Struct]:
    if isinstance(value, tuple):
        return [found for one in value for found in _structs(one)]
    if not isinstance(value, msgspec.Struct):
        return []
    below = [getattr(value, name) for name in value.__struct_fields__]
    return [value, *(found for one in below for found in _structs(one))]


def test_the_defaults_of_the_values_are_those_of_the_table() -> None:
    config = parse_config(LEAST, Path("/x/banyan.toml"), {"BANYAN_LISTEN__WORKERS": "1"})
    seen = 0
    for part in _structs(config):
        for name, default in _own_defaults(part).items():
            assert getattr(part, name) == default, f"{type(part).__name__}.{name}"
            seen += 1
    assert seen > 40


def test_every_default_is_a_value_that_the_key_accepts() -> None:
    for key in KEYS:
        if key.default is not REQUIRED:
            key.kind.read(key.default)


def test_every_key_reaches_a_value() -> None:
    """No key is read and then forgotten: as many keys as there are fields, address parts apart."""
    names = {name for part in (Listen, State, Shadow, Feature) for name in part.__struct_fields__}
    for key in KEYS:
        table, _, name = key.path.rpartition(".")
        if table in ("listen", "state", "shadow", "feature[]"):
            assert name in names


def test_required_keys_are_the_two_addresses_and_a_features_name() -> None:
    required = [key.path for key in KEYS if key.default is REQUIRED]
    assert required == ["upstreams.legacy.url", "upstreams.new.url", "feature[].name"]


def test_each_key_is_there_once_and_means_something() -> None:
    assert len({key.path for key in KEYS}) == len(KEYS)
    for key in KEYS:
        assert key.meaning.endswith("."), key.path


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_the_page_has_every_key(key: Any) -> None:
    assert render is render_keys
    assert key.meaning in render_keys()
