"""From a parsed document to plain values, key by key, with every problem on the way. It must not know
files or the environment.

Works down the table of keys: a key that is written is read by its kind, one that is not gets its default,
and whatever is in the document but not in the table is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from gateway.config.key import REQUIRED, Key
from gateway.config.keys import KEYS
from gateway.config.problems import Problem, Refused, shown

__all__ = ["read_document"]

Tree = dict[str, Any]


def read_document(document: Tree, origins: Mapping[str, str]) -> tuple[Tree, list[Problem]]:
    """`document` as TOML gives it; `origins`: key path → environment variable it came from.

    → a tree of plain values with every key of the table in it (those with a problem left out), and the
    problems.
    """
    reader = _Reader(origins)
    single = [key for key in KEYS if not key.path.startswith("feature[].")]
    each = [key._replace(path=key.path.removeprefix("feature[].")) for key in KEYS if key not in single]
    rest = {name: value for name, value in document.items() if name != "feature"}
    tree = reader.table(rest, single, "", more=("feature",))
    tree["feature"] = []
    features = document.get("feature", [])
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        reader.refuse("feature", features, "tables that begin with [[feature]], in double brackets")
        features = []
    for number, feature in enumerate(features):
        tree["feature"].append(reader.table(feature, each, f"feature[{number}]"))
    return tree, reader.problems


class _Reader:
    def __init__(self, origins: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._origins = origins

    def refuse(self, path: str, value: object, expected: str) -> None:
        self.problems.append(Problem(path, shown(value), expected, self._origins.get(path, "")))

    def table(self, written: Tree, keys: list[Key], at: str, more: Iterable[str] = ()) -> Tree:
        """One table with its subtables: `keys` are the table's own, by path within it."""
        found: Tree = {}
        names = dict.fromkeys(key.path.partition(".")[0] for key in keys)
        self._unknown(written, [*names, *more], keys, at)
        for name in names:
            path = f"{at}.{name}" if at else name
            below = [
                key._replace(path=key.path[len(name) + 1 :])
                for key in keys
                if key.path.startswith(name + ".")
            ]
            if below:
                value = written.get(name, {})
                if not isinstance(value, dict):
                    self.refuse(path, value, f"a table with the keys {', '.join(key.path for key in below)}")
                    value = {}
                found[name] = self.table(value, below, path)
            else:
                self._value(next(key for key in keys if key.path == name), written, path, found)
        return found

    def _value(self, key: Key, written: Tree, path: str, found: Tree) -> None:
        if key.path not in written and key.default is REQUIRED:
            self.problems.append(Problem(path, "", f"this key is required: {key.meaning}"))
            return
        value = written.get(key.path, key.default)
        try:
            found[key.path] = key.kind.read(value)
        except Refused as refusal:
            self.refuse(path, value, f"expected {refusal}")

    def _unknown(self, written: Tree, names: list[str], keys: list[Key], at: str) -> None:
        for name, value in written.items():
            if name in names:
                continue
            path = f"{at}.{name}" if at else name
            close = get_close_matches(name, names, 1) or [
                key.path for key in keys if key.path.endswith("." + name)
            ]
            hint = (
                f"did you mean {f'{at}.' if at else ''}{close[0]}?"
                if close
                else f"known here: {', '.join(names)}"
            )
            self.refuse(path, value, f"there is no such key; {hint}")
