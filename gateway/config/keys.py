"""Every key of `banyan.toml`: path, kind, default as one would write it, and what it means. The one place
where a key is made is its table's file in `gateway/config/tables`:

    listen      [listen]
    upstreams   [upstreams.legacy] [upstreams.new]
    state       [state] [admin] [explain]
    flags       [sticky] [flags]
    shadow      [shadow] [golden]
    alerts      [alerts]
    feature     [[feature]]

The reader, the environment variables, the checks for unknown keys and `docs/configuration.md` are all driven
by them. `[]` in a path stands for each table of an array.
"""

from __future__ import annotations

from gateway.config.key import Key
from gateway.config.tables.alerts import ALERTS
from gateway.config.tables.feature import FEATURE
from gateway.config.tables.flags import FLAGS
from gateway.config.tables.listen import LISTEN
from gateway.config.tables.shadow import SHADOW
from gateway.config.tables.state import STATE
from gateway.config.tables.upstreams import UPSTREAMS

__all__ = ["KEYS"]

KEYS: tuple[Key, ...] = (*LISTEN, *UPSTREAMS, *STATE, *FLAGS, *SHADOW, *ALERTS, *FEATURE)
