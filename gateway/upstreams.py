"""The two sides as the configuration names them, in the terms of the wire. Shared by the processes that
open connections."""

from __future__ import annotations

from contextlib import suppress
from hashlib import blake2b

from flags import FlagsError
from gateway.config import Config, Upstream
from gateway.core.decision import Side
from gateway.keys import sticky_key
from gateway.tls import upstream_tls
from gateway.wire import Sweeper, UpstreamLimits, UpstreamPool


def upstream_of(config: Config, side: Side) -> Upstream:
    """The configuration of one side."""
    return config.upstreams.legacy if side is Side.LEGACY else config.upstreams.new


def limits_of(upstream: Upstream) -> UpstreamLimits:
    """The limits of one side."""
    return UpstreamLimits(
        connect_timeout=upstream.connect_timeout,
        first_byte_timeout=upstream.timeout,
        idle_timeout=upstream.idle_timeout,
        event_idle_timeout=upstream.event_idle_timeout,
        keep_alive=upstream.keep_alive,
        connections=upstream.max_connections,
        waiting=upstream.max_waiting,
        connects=upstream.max_connects,
        body=upstream.max_body,
    )


def pool_of(config: Config, side: Side, sweeper: Sweeper, limits: UpstreamLimits) -> UpstreamPool:
    """The connections to one side."""
    upstream = upstream_of(config, side)
    tls = upstream_tls(upstream, f"upstreams.{side}")
    return UpstreamPool(upstream.host, upstream.port, limits, sweeper, tls)


def host_of(upstream: Upstream) -> bytes:
    """The Host of a request that is our own, such as a probe."""
    return f"{upstream.host}:{upstream.port}".encode()


def origins_of(upstream: Upstream) -> tuple[bytes, ...]:
    """How an application may write its own address in a Location, behind the scheme."""
    names = {f"{upstream.host}:{upstream.port}"}
    if upstream.port == (443 if upstream.tls else 80):
        names.add(upstream.host)
    return tuple(f"//{name}".lower().encode() for name in sorted(names))


def pseudonym(config: Config) -> bytes:
    """How this gateway names itself in Via: one name for all its processes and for the machines that share
    its users, as they have the same sticky key; unlike any other gateway's, wherever its folder is. Where the
    key is absent or cannot be read, by the folder.
    """
    key = None
    with suppress(FlagsError):  # who needs the key itself says so
        key = sticky_key(config.state.dir).read()
    return (
        b"banyan-"
        + blake2b(key or config.state.dir.encode(), digest_size=6, person=b"via").hexdigest().encode()
    )
