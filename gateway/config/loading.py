"""`load_config`: the one way to a `Config`. It must not know what is done with it.

1. the file, as TOML
2. the environment over it
3. every key by its kind
4. what must hold between keys
5. values

All problems of steps 2 to 4 are reported together; a file that is no TOML ends at step 1.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.checks import check_together
from gateway.config.model import Config
from gateway.config.overrides import override
from gateway.config.problems import ConfigError, Problem
from gateway.config.reading import read_document

__all__ = ["load_config", "parse_config"]

LARGEST_FILE = 16 << 20


def load_config(path: Path | str, env: Mapping[str, str]) -> Config:
    """Read `path` with the variables of `env` over it. ConfigError has every problem found; nothing is
    started or made."""
    path, data = Path(path), b""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise _whole(f"The configuration file {path} is larger than {LARGEST_FILE >> 20} MiB.")
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise _whole(f"There is no configuration file {path}; name another one with -c FILE.") from None
    except OSError as error:
        raise _whole(f"The configuration file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _whole(f"The configuration file {path} is not UTF-8 text (line {line}).") from error
    return parse_config(text, path, env)


def parse_config(text: str, path: Path | str, env: Mapping[str, str]) -> Config:
    """The same from a text; `path` is the file it stands for: its folder is what relative paths are
    relative to."""
    path = Path(path).absolute()
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:  # its text ends with the line and column
        raise _whole(f"{path} is not TOML: {error}.") from None
    origins, problems = override(document, env)
    tree, found = read_document(document, origins)
    problems += found
    problems += [problem._replace(source=origins.get(problem.key, "")) for problem in check_together(tree)]
    if problems:
        raise ConfigError(tuple(problems))
    return _build(tree, path)


def _whole(sentence: str) -> ConfigError:
    return ConfigError((Problem("", "", sentence),))


def _build(tree: dict[str, Any], path: Path) -> Config:
    """The tree of plain values, in the shape of `Config`."""
    listen, upstreams = tree["listen"], tree["upstreams"].values()
    listen["workers"] = listen["workers"] or _processors()
    for upstream in upstreams:
        upstream.update(upstream["url"])  # url, host, port
    places = [(tree["state"], "dir"), (tree["golden"], "dir"), (tree["shadow"], "rules")]
    places += [(tree["state"], "redis_password_file"), (tree["shadow"], "stream_key_file")]
    places += [(listen, "tls_certificate"), (listen, "tls_key"), (listen["traffic"], "path")]
    places += [(upstream, "ca_file") for upstream in upstreams]
    places += [(tree["flags"]["unleash"], name) for name in ("token_file", "admin_token_file")]
    secrets = ("webhook_secret_file", "slack_url_file", "smtp_password_file")
    places += [(tree["alerts"], name) for name in secrets]
    for table, name in places:
        if table.get(name):
            table[name] = os.path.normpath(path.parent / table[name])
    features = tree.pop("feature")
    for feature in features:
        plan = feature["plan"]
        plan["steps"] = [{"hold": plan["hold"], "samples": plan["samples"], **step} for step in plan["steps"]]
        feature["breaker"]["open_seconds"] = feature["breaker"].pop("open")
    return msgspec.convert({**tree, "features": features, "source_path": str(path)}, Config)


def _processors() -> int:
    """The processors this process may use; at least one, at most what `listen.workers` could say."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        count = os.cpu_count() or 1
    return max(1, min(count, 64))
