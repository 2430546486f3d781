"""What golden commands work on: flows, folder, rules. Works without a configuration, as in a pipeline
without a gateway.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.cli.failures import CommandError, config_failure
from gateway.cli.settings import Settings
from gateway.config import Config, ConfigError, load_config
from gateway.core.route import RouteTable
from gateway.shadowing.template import Templates
from golden import Flow, FlowError, Provenance, load_flows
from shadow import DEFAULT_RULES, RequestSnapshot, Rules, RulesError, load_rules, written_out

__all__ = ["features", "flows", "folder", "place", "provenance", "rules"]

Place = Callable[[RequestSnapshot], tuple[str, str]]


def flows(paths: Sequence[Path]) -> tuple[list[Flow], list[FlowError]]:
    """Every flow of these files and folders, and a problem for each that cannot be read."""
    return load_flows(list(paths))


def folder(settings: Settings, named: Path | None, *, there: bool = True) -> Path:
    """The folder of recordings: the one named, the configured one, or `golden/recordings` here. Raises
    `CommandError` where it should be `there` and is not.
    """
    config = _config(settings)
    found = named or (Path(config.golden.dir) if config else Path("golden/recordings"))
    if there and not found.is_dir():
        what = "is no folder" if found.exists() else "is not there"
        raise CommandError(f"the folder of recordings {found} {what}; --dir names another.")
    return found


def rules(settings: Settings, named: Path | None) -> Rules:
    """The rules: of the file named, of the configured one where there is one, else those that come with
    us.
    """
    config = _config(settings)
    path = named or Path(config.shadow.rules if config else "shadow-rules.toml")
    if named is None and not path.exists():
        return DEFAULT_RULES
    try:
        return load_rules(path)
    except RulesError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"the rule file {path} cannot be read: {error.strerror}.") from error


def place(settings: Settings) -> Place | None:
    """Which feature and route a request belongs to, as live traffic has them: for rules that hold for one
    of them only.
    """
    config = _config(settings)
    if config is None:
        return None
    table = RouteTable((feature.name, feature.match) for feature in config.features)
    templates = Templates()

    def find(request: RequestSnapshot) -> tuple[str, str]:
        path = request.target.partition("?")[0].encode("latin-1", "replace")
        route = table.match(request.method.encode("latin-1", "replace"), path)
        if route is None:
            return "", f"{request.method} {written_out(request.target).partition('?')[0]}"
        return route.feature, templates.of(request.method, route.template, request.target)

    return find


def features(settings: Settings) -> list[str]:
    """The names of the configured features."""
    config = _config(settings)
    return [one.name for one in config.features] if config else []


def provenance(settings: Settings, url: str, accepted: Rules, source: str, release: str) -> Provenance:
    """What a recording says of where it comes from; what is not said is looked up in the configuration."""
    config = _config(settings)
    header = ""
    if config is not None:
        header = config.shadow.version_header
        sides = {"legacy": config.upstreams.legacy, "new": config.upstreams.new}
        source = source or next((name for name, one in sides.items() if one.url == url.rstrip("/")), "")
    return Provenance(source, release, header, rules=accepted, place=place(settings))


def _config(settings: Settings) -> Config | None:
    """None only where no file was named and there is none: a file that is wrong is never passed over."""
    if not Path(settings.config_path).exists() and settings.config_path == Settings.config_path:
        return None
    try:
        return load_config(settings.config_path, os.environ)
    except ConfigError as error:
        raise config_failure(error) from error
