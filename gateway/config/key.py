"""What a key of `banyan.toml` is, and the ranges that several tables have in common. It must not know where a
value comes from.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.config.kinds import Kind, duration, integer, size

__all__ = ["BODY", "COUNT", "REQUIRED", "TIME", "WINDOW", "Key"]


class _Required:
    """The default of a key that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


class Key(NamedTuple):
    """`default` as TOML gives it; REQUIRED when it must be written."""

    path: str
    kind: Kind
    default: Any
    meaning: str


TIME = duration("1ms", "24h")
WINDOW = duration("100ms", "1h")
COUNT = integer(1, 1_000_000)
BODY = size("0 B", "1024 GiB")
