"""Reads the rules file (TOML) and refuses what it does not understand. It must not know how rules are
applied.

```toml
[profile]
use = ["flask-to-fastapi"]
[headers]
also = ["x-total"]                       # compared beside the usual ones
[redact]
names = ["phone"]                        # beside the usual ones
[[rule]]
id = "clock"
owner = "ops@example.com"
expires = 2030-01-31                     # its last day
path = "**.timestamp"
op = "same-type-and-format"              # ignore | tolerance | equal-to | unordered | renamed-cookie
# feature = "orders", route = "GET /orders/*", reason = "…", kinds = ["value_changed"]
# ignore: force = true;  tolerance: absolute, relative;  equal-to: control, candidate
# renamed-cookie: from, to (and no path)
```
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from shadow.paths import ANY_DEPTH, PathError, Tokens, parse_pattern
from shadow.profile import PROFILES
from shadow.rule import OPERATIONS, Rule
from shadow.rules import Rules
from shadow.verdict import Kind

COOKIE_PATH: Tokens = ("header", "set-cookie")


class RulesError(ValueError):
    """A rules file that is refused: ``file``, ``where`` (table or line), ``what`` stands there, and what was
    ``expected``.
    """

    def __init__(self, file: str, where: str, what: str, expected: str) -> None:
        super().__init__(f"{file}: {where}: {what}; expected {expected}")
        self.file, self.where, self.what, self.expected = file, where, what, expected


class _Wrong(Exception):
    """What is wrong inside one table, at which key; the reader of the table adds where it stands."""

    def __init__(self, what: str, expected: str, key: str = "") -> None:
        super().__init__(what, expected)
        self.what, self.expected, self.key = what, expected, key


class _Key(NamedTuple):
    """One key of a ``[[rule]]``: what its value must be, in words and as a check."""

    fits: Callable[[Any], bool]
    expected: str


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _amount(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < inf


def _kinds(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(kind, str) and kind in set(Kind) for kind in value)


_TABLE = re.compile(r"\s*\[\[\s*rule\s*\]\]")
ALIASES: Mapping[str, str] = MappingProxyType({"number-tolerance": "tolerance"})
_OPERATION = _Key(
    lambda value: isinstance(value, str) and ALIASES.get(value, value) in OPERATIONS,
    "one of " + ", ".join(sorted(OPERATIONS)),
)

COMMON_KEYS: Mapping[str, _Key] = MappingProxyType(
    {
        "id": _Key(
            lambda value: _text(value) and re.fullmatch(r"[\w.-]{1,64}", value) is not None,
            "1 to 64 letters, digits, . _ -",
        ),
        "owner": _Key(_name, "the name or address of a person or team"),
        "expires": _Key(_day, "a date without quotes, such as 2030-01-31"),
        "op": _OPERATION,
        "path": _Key(_name, 'a path such as "body.items[*].id" or "**.timestamp"'),
        "feature": _Key(_text, "the name of a feature"),
        "route": _Key(_text, 'a route such as "GET /orders/*"'),
        "reason": _Key(_text, "text"),
        "kinds": _Key(_kinds, "a list of " + ", ".join(Kind)),
    }
)
OPERATION_KEYS: Mapping[str, Mapping[str, _Key]] = MappingProxyType(
    {
        "ignore": {"force": _Key(lambda value: isinstance(value, bool), "true or false")},
        "tolerance": {
            "absolute": _Key(_amount, "a number from 0 on"),
            "relative": _Key(_amount, "a number from 0 on"),
        },
        "equal-to": {
            "control": _Key(lambda _: True, "a value"),
            "candidate": _Key(lambda _: True, "a value"),
        },
        "renamed-cookie": {
            "from": _Key(_name, "the name of a cookie"),
            "to": _Key(_name, "the name of a cookie"),
        },
    }
)
_REQUIRED = ("id", "owner", "expires", "op")
_REQUIRED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"equal-to": ("control", "candidate"), "renamed-cookie": ("from", "to")}
)
_RENAMED: Mapping[str, str] = MappingProxyType({"from": "old", "to": "new"})


def load_rules(path: Path) -> Rules:
    """The rules in the file ``path``. Raises RulesError for whatever is wrong with it, a missing file
    included.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as problem:
        raise RulesError(str(path), "file", problem.strerror or "cannot be read", "a readable file") from None
    except UnicodeDecodeError:
        raise RulesError(str(path), "file", "is not UTF-8", "TOML in UTF-8") from None
    return parse_rules(text, str(path))


def parse_rules(text: str, file: str = "rules") -> Rules:
    """The rules in ``text``; ``file`` is the name used in a RulesError."""
    try:
        return _Reader(file, text).rules(tomllib.loads(text))
    except RulesError:
        raise
    except (
        ValueError,
        RecursionError,
    ) as problem:  # no TOML, a number of 5,000 digits, nesting without an end
        line = re.search(r"line \d+", str(problem))
        raise RulesError(file, line[0] if line else "file", str(problem), "TOML") from None


class _Reader:
    """Reads one document; knows the file's name and text for what it refuses."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = text.splitlines()

    def rules(self, document: dict[str, Any]) -> Rules:
        tables = {"profile": "use", "headers": "also", "redact": "names"}
        for name in document:
            if name not in tables and name != "rule":
                raise RulesError(
                    self._file,
                    self._table(name),
                    "is not known",
                    "[profile], [headers], [redact] or [[rule]]",
                )
        lists = {name: self._list(document, name, key) for name, key in tables.items()}
        for name in lists["profile"]:
            if name not in PROFILES:
                raise RulesError(
                    self._file,
                    self._table("profile", "use"),
                    f"use names {name!r}",
                    "one of " + ", ".join(PROFILES),
                )
        headers = tuple(name.lower() for name in lists["headers"])
        return Rules(self._all(document.get("rule", [])), lists["profile"], lists["redact"], headers)

    def _list(self, document: dict[str, Any], name: str, key: str) -> tuple[str, ...]:
        table = document.get(name, {})
        if not isinstance(table, dict) or set(table) - {key}:
            raise RulesError(self._file, self._table(name), "holds something else", f"only the key {key}")
        values = table.get(key, [])
        if not isinstance(values, list) or not all(_name(value) for value in values):
            raise RulesError(self._file, self._table(name, key), f"{key} is {values!r}", "a list of names")
        return tuple(values)

    def _all(self, tables: Any) -> tuple[Rule, ...]:
        if not isinstance(tables, list):
            raise RulesError(
                self._file, self._table("rule"), "is a single table", "[[rule]], with two brackets"
            )
        rules: dict[str, Rule] = {}
        for number, table in enumerate(tables, 1):
            where = f"[[rule]] number {number}"
            try:
                if not isinstance(table, dict):
                    raise _Wrong(f"is {table!r}", "a table")
                where += f" ({table['id']})" if _text(table.get("id")) else ""
                rule = _rule(table)
                if rule.id in rules:
                    raise _Wrong(f"id {rule.id!r} is taken", "an id of its own", "id")
            except _Wrong as problem:
                where = f"line {self._line(number, problem.key)}, {where}"
                raise RulesError(self._file, where, problem.what, problem.expected) from None
            rules[rule.id] = rule
        return tuple(rules.values())

    def _table(self, name: str, key: str = "") -> str:
        """Where a table or a key outside of tables stands, or a key of that table."""
        written = re.compile(rf"""\s*\[?\s*["']?{re.escape(name)}["']?\s*[\].=]""")
        start = next((at for at, line in enumerate(self._lines, 1) if written.match(line)), 1)
        below = self._lines[start : start + 1000] if key else ()
        stands = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        line = next((at for at, line in enumerate(below, start + 1) if stands.match(line)), start)
        return f"line {line}, [{name}]"

    def _line(self, number: int, key: str) -> int:
        """The line of a key of the rule with this number, or of the rule's beginning."""
        starts = [at for at, line in enumerate(self._lines, 1) if _TABLE.match(line)]
        if number > len(starts):
            return 1
        start = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self._lines)
        written = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        lines = range(start, end + 1) if key else ()
        return next((at for at in lines if written.match(self._lines[at - 1])), start)


def _rule(table: dict[str, Any]) -> Rule:
    _present(table, _REQUIRED)
    if not _OPERATION.fits(table["op"]):
        raise _Wrong(f"op is {table['op']!r}", _OPERATION.expected, "op")
    op = ALIASES.get(table["op"], table["op"])
    _present(table, _REQUIRED_BY.get(op, ("path",)))
    keys = {**COMMON_KEYS, **OPERATION_KEYS.get(op, {})}
    for name, value in table.items():
        if name not in keys:
            raise _Wrong(f"{name} is not known for {op}", "one of " + ", ".join(sorted(keys)), name)
        if not keys[name].fits(value):
            raise _Wrong(f"{name} is {value!r}", keys[name].expected, name)
    return _checked(op, table)


def _present(table: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in table:
            raise _Wrong(
                f"{name} is missing",
                "every rule to have an id, an owner, an expiry date and what its op needs",
            )


def _checked(op: str, table: dict[str, Any]) -> Rule:
    fields = {
        _RENAMED.get(name, name): value
        for name, value in table.items()
        if name not in ("op", "path", "kinds")
    }
    kinds = frozenset(Kind(kind) for kind in table.get("kinds", ()))
    rule = Rule(op=op, pattern=_pattern(op, table), kinds=kinds, **fields)
    covers_containers = rule.pattern[-1] == ANY_DEPTH or rule.pattern == ("body",)
    if op == "ignore" and covers_containers and not rule.force:
        raise _Wrong(
            f"{table['path']!r} covers objects and arrays",
            "the path of a single value, or force = true",
            "path",
        )
    return rule


def _pattern(op: str, table: dict[str, Any]) -> Tokens:
    if op == "renamed-cookie" and "path" not in table:
        return COOKIE_PATH
    try:
        return parse_pattern(table["path"])
    except PathError as problem:
        raise _Wrong(f"path {table['path']!r} {problem}", COMMON_KEYS["path"].expected, "path") from None
