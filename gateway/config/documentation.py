"""The table of keys as a page for people. It must not know values in use."""

from __future__ import annotations

import json
from itertools import groupby

from gateway.config.key import REQUIRED, Key
from gateway.config.keys import KEYS

__all__ = ["render_keys"]

_HEAD = """# Configuration: `banyan.toml`

Made by `python -m gateway.config`; edit the table's file in `gateway/config/tables/` instead. Every key but
the two upstream addresses (and the name of a feature that is written) has a default. An unknown key, a wrong
type or an impossible value is refused before anything starts, all of them at once, each with its path, the
value and what was expected.

- Durations: `"200ms"`, `"1.5s"`, `"2m"`, `"1h"`, `"14d"`, or a number of seconds. Sizes: `"64 KiB"`,
  `"1 MiB"`, or a whole number of bytes.
- Percentages go from 0 to 100 in steps of 0.01; rates from 0 to 1.
- Relative paths are relative to the folder of the configuration file.
- A variable of the environment overrides one key: `BANYAN_LISTEN__TRAFFIC` is `listen.traffic`; a feature is
  named by its number or its name, `BANYAN_FEATURE__0__PERCENT`.
- Patterns of `match`: an optional method in capitals, then a path; `{name}` is exactly one segment, a final
  `*` everything below.
"""


def _table(key: Key) -> str:
    table = key.path.rpartition(".")[0]
    return "[[feature]]" if table.startswith("feature[]") else f"[{table}]"


def _row(key: Key) -> str:
    name = (
        key.path.removeprefix("feature[].")
        if key.path.startswith("feature[]")
        else key.path.rpartition(".")[2]
    )
    default = "required" if key.default is REQUIRED else f"`{json.dumps(key.default)}`"
    return f"| `{name}` | {key.kind.name.replace('|', chr(92) + '|')} | {default} | {key.meaning} |"


def render_keys() -> str:
    """`docs/configuration.md`, Markdown with one table of keys for each table of the file."""
    parts = [_HEAD]
    for table, keys in groupby(KEYS, _table):
        rows = "\n".join(map(_row, keys))
        parts.append(f"\n## `{table}`\n\n| key | type | default | meaning |\n|---|---|---|---|\n{rows}\n")
    return "".join(parts)
