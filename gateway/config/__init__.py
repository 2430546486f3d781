"""The configuration: `banyan.toml` and the environment over it, checked as a whole before anything starts.

The map, in the order data takes:

    loading        load_config → Config    the file, and the five steps
    overrides      BANYAN_… variables over the document
    keys           KEYS: every key with its kind, default and meaning; tables: where they are made, by section
    key            what a key is
    reading        the document against that table: values, unknown keys, every problem
    kinds          what a value of each kind may be: numbers, texts, lists; places: addresses, servers;
                   plan_steps; patterns: the kind of `match`
    checks         what must hold between keys
    model          Config and its parts: frozen values, JSON for the child processes
    problems       ConfigError with all its Problems
    documentation  render_keys: the table as docs/configuration.md

It opens no socket and makes no folder.
"""

from gateway.config.documentation import render_keys
from gateway.config.key import REQUIRED, Key
from gateway.config.keys import KEYS
from gateway.config.loading import load_config, parse_config
from gateway.config.model import (
    Address,
    Admin,
    Alerts,
    Breaker,
    Config,
    Feature,
    FeatureShadow,
    Flags,
    Golden,
    Guard,
    Listen,
    Plan,
    Shadow,
    State,
    Sticky,
    StickyKey,
    Unleash,
    Upstream,
    Upstreams,
)
from gateway.config.problems import ConfigError, Problem

__all__ = [
    "KEYS",
    "REQUIRED",
    "Address",
    "Admin",
    "Alerts",
    "Breaker",
    "Config",
    "ConfigError",
    "Feature",
    "FeatureShadow",
    "Flags",
    "Golden",
    "Guard",
    "Key",
    "Listen",
    "Plan",
    "Problem",
    "Shadow",
    "State",
    "Sticky",
    "StickyKey",
    "Unleash",
    "Upstream",
    "Upstreams",
    "load_config",
    "parse_config",
    "render_keys",
]
