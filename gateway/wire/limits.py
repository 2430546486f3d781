"""Sizes in bytes and deadlines in seconds, as the wire needs them. Filled from the configuration, knows
nothing of it."""

from __future__ import annotations

from typing import NamedTuple


class ListenLimits(NamedTuple):
    """What one client may cost; and the ``hosts`` that it may ask for, any when there are none."""

    request_line: int = 8 * 1024
    field: int = 8 * 1024
    fields_bytes: int = 64 * 1024
    fields: int = 100
    body: int = 100 * 1024 * 1024
    head_timeout: float = 10.0
    body_rate: int = 1024
    body_window: float = 10.0
    idle_timeout: float = 60.0
    connections: int = 10_000
    turned_away: int = 1_000
    linger: float = 2.0
    hosts: frozenset[bytes] = frozenset()


class UpstreamLimits(NamedTuple):
    """What one application may cost, and how long it may take. ``refused_for``: seconds in which those who
    wait or ask share the fate of one whose connection was refused, and after which one at a time tries; 0:
    each tries.
    """

    connect_timeout: float = 1.0
    first_byte_timeout: float = 30.0
    idle_timeout: float = 60.0
    event_idle_timeout: float = 300.0
    keep_alive: float = 1.5
    connections: int = 512
    waiting: int = 512
    connects: int = 500
    refused_for: float = 0.0
    body: int = 100 * 1024 * 1024
    answer_head: int = 256 * 1024
    answer_fields: int = 500


WRITE_HIGH_WATER = 256 * 1024
"""Bytes waiting for a slow peer above which the other peer is no longer read."""

MOST_READ = 256 * 1024
"""Bytes that come in one read at most: what a bound on running totals may be exceeded by."""

FRAMING_SHARE = 8
"""Bytes of framing per byte of a body, at most: chunks of one byte each need five."""
