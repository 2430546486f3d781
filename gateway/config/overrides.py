"""Environment variables over the document: `BANYAN_LISTEN__TRAFFIC` is `listen.traffic`. It must not know
what a value means.

`__` goes one table down; a feature is named by its number or its name: `BANYAN_FEATURE__0__PERCENT`,
`BANYAN_FEATURE__CHECKOUT__PERCENT` (in capitals, `-` written `_`). Names without `__` belong to the
command line, unless they are plainly a key with one underscore too few.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from gateway.config.key import Key
from gateway.config.keys import KEYS
from gateway.config.problems import Problem, shown

__all__ = ["override"]

_PREFIX = "BANYAN_"
_FEATURE = re.compile(r"FEATURE__(.+?)__(.+)")


def _variable(path: str) -> str:
    return path.upper().replace(".", "__").replace("[]", "")


_BY_VARIABLE: dict[str, Key] = {_variable(key.path): key for key in KEYS}
_RUN_TOGETHER = {
    variable.replace("__", "_"): variable for variable in _BY_VARIABLE if not variable.startswith("FEATURE__")
}


def override(document: dict[str, Any], env: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Write what `env` says into `document` → key path → variable, and the problems."""
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for name in sorted(env):
        if not name.startswith(_PREFIX):
            continue
        variable = name.removeprefix(_PREFIX)
        if "__" not in variable:
            if variable in _RUN_TOGETHER:
                expected = f"two underscores between table and key: {_PREFIX}{_RUN_TOGETHER[variable]}"
                problems.append(Problem("", shown(env[name]), expected, name))
            continue
        try:
            origins[_place(document, variable, env[name])] = name
        except LookupError as error:
            problems.append(Problem("", shown(env[name]), str(error.args[0]), name))
    return origins, problems


def _place(document: dict[str, Any], variable: str, text: str) -> str:
    """Write one value → its key path; LookupError with the reason when there is no such place."""
    where, table, at = variable, document, ""
    if found := _FEATURE.fullmatch(variable):
        index = _feature_index(document, found[1])
        table, at, where = document["feature"][index], f"feature[{index}].", f"FEATURE__{found[2]}"
    key = _BY_VARIABLE.get(where)
    if key is None or (where.startswith("FEATURE__") and not at):
        close = get_close_matches(where, list(_BY_VARIABLE), 1)
        meant = (
            close[0].replace("FEATURE__", f"FEATURE__{found[1]}__", 1) if close and found else "".join(close)
        )
        raise LookupError("there is no such key" + (f"; did you mean {_PREFIX}{meant}?" if close else ""))
    *tables, last = key.path.removeprefix("feature[].").split(".")
    for name in tables:
        below = table.setdefault(name, {})
        if not isinstance(below, dict):
            raise LookupError(f"{at}{name} is not a table in the file")
        table = below
    table[last] = _toml_value(key, text)
    return f"{at}{key.path.removeprefix('feature[].')}"


def _feature_index(document: dict[str, Any], named: str) -> int:
    features = document.get("feature", [])
    tables = features if isinstance(features, list) else []
    names = [
        str(one.get("name", "")).upper().replace("-", "_") if isinstance(one, dict) else "" for one in tables
    ]
    if named in names:
        return names.index(named)
    if (
        re.fullmatch(r"[0-9]{1,4}", named)
        and int(named) < len(names)
        and isinstance(tables[int(named)], dict)
    ):
        return int(named)
    raise LookupError(f"there is no feature {named}; the file has {len(names)}, numbered from 0")


def _toml_value(key: Key, text: str) -> Any:
    """The text as the file would give it."""
    if key.kind.text == "as-is":
        return text
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        found = {}
    if found.keys() == {"value"}:
        return found["value"]
    if key.kind.text == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
