"""What the requests of one worker share: the tables they are decided by, the pools they go to, and what
is in flight.

Decides nothing itself; the path of a request is ``proxy.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from flags import FlagSnapshot
from gateway.capture import Capture
from gateway.core.breaker import Breaker
from gateway.core.context import ContextReader
from gateway.core.decision import Side
from gateway.core.event import BreakerMoved, FellBack, GatewayAnswered, RequestFinished
from gateway.core.forcing import Forcing, Ignored
from gateway.core.route import RouteTable
from gateway.sessions import Beginnings, StickyKeys
from gateway.sinks import DecisionSamples
from gateway.wire import (
    WEBSOCKET_RESTART,
    Downstream,
    KnownRequests,
    ListenLimits,
    Outbox,
    Sweeper,
    Tunnel,
    UpstreamPool,
)

_RETRY_SHARE = 0.2
_RETRIES_ALWAYS = 3


class FeaturePolicy(NamedTuple):
    """What the request path must know of one feature."""

    fallback: str
    breaker: Breaker


class Sink(Protocol):
    """Receives what happened. Must return at once and never raise."""

    def finished(self, event: RequestFinished) -> None: ...
    def fell_back(self, event: FellBack) -> None: ...
    def gateway_answered(self, event: GatewayAnswered) -> None: ...
    def breaker_moved(self, event: BreakerMoved) -> None: ...
    def force_ignored(self, why: Ignored) -> None: ...


class Tunnelled(Protocol):
    """The request that became a tunnel, or may."""

    feature: str
    side: Side

    @property
    def is_forced(self) -> bool: ...


@dataclass(slots=True)
class Traffic:
    """Built in ``worker.py``. ``new_id`` gives 32 random hexadecimal digits; ``repeat_bound``: bytes
    of a request's body up to which it can be sent again; ``copy_bound``: bytes of a body that the shadow
    gets."""

    limits: ListenLimits
    sweeper: Sweeper
    routes: RouteTable
    policies: Mapping[str, FeaturePolicy]
    flags: Callable[[], FlagSnapshot]
    sticky: StickyKeys
    pools: Mapping[Side, UpstreamPool]
    origins: tuple[bytes, ...]
    capture: Capture
    sink: Sink
    pseudonym: bytes
    new_id: Callable[[], bytes]
    is_trusted: Callable[[str], bool]
    contexts: ContextReader
    expose_decision: bool
    repeat_bound: int
    copy_bound: int
    scheme: bytes = b"http"
    samples: DecisionSamples = field(default_factory=lambda: DecisionSamples(0, "", str))
    beginnings: Beginnings | None = None
    """What sessions began with; None where no feature moves with new sessions."""
    forcing: Forcing = field(default_factory=lambda: Forcing(None))
    known: KnownRequests = field(init=False)
    outbox: Outbox = field(init=False)
    clients: set[Downstream] = field(default_factory=set)
    turned_away: set[Downstream] = field(default_factory=set)
    tunnels: dict[Tunnel, Tunnelled] = field(default_factory=dict)
    draining: bool = False
    """Every answer says that its connection closes behind it."""
    stopping: bool = False
    """Connections close behind their answers, whatever those said."""
    active: int = 0
    uploads: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    """Requests whose body is still coming in while they hold a connection to a side."""
    retrying: int = 0

    def __post_init__(self) -> None:
        self.known = KnownRequests(self.limits.request_line)
        self.outbox = Outbox(asyncio.get_running_loop())

    def refused(self, status: int) -> None:
        """The wire has refused a request that never became one."""
        self.sink.gateway_answered(GatewayAnswered(f"refused_{status}"))

    def close_tunnels(self, snapshot: FlagSnapshot) -> None:
        """Close what is open to the new side for a feature that was taken back, or dialled to 0, so that its
        clients come back to legacy. A dial that is lowered to anything else leaves them: nobody is in a
        hurry, and the new side goes on."""
        for tunnel, path in list(self.tunnels.items()):
            if is_taken_back(path, snapshot):
                tunnel.close(WEBSOCKET_RESTART)

    def tunnel_opened(self, tunnel: Tunnel, path: Tunnelled) -> None:
        """A request became a tunnel. What ended other tunnels while its handshake was under way ends it too:
        its side was taken back, or this process began to leave."""
        self.tunnels[tunnel] = path
        if self.draining or is_taken_back(path, self.flags()):
            tunnel.close(WEBSOCKET_RESTART)

    def tunnel_closed(self, tunnel: Tunnel) -> None:
        """Either end of a tunnel has gone."""
        self.tunnels.pop(tunnel, None)

    def has_room_for_upload(self, side: Side) -> bool:
        """Bodies that are still coming in hold at most half of a side's connections, so that slow ones
        cannot take them all."""
        return self.uploads[side] < max(1, self.pools[side].limits.connections // 2)

    def may_retry(self) -> bool:
        """Retries stay below a fifth of what is in flight, so that they cannot become a storm."""
        return self.retrying < max(_RETRIES_ALWAYS, self.active * _RETRY_SHARE)


def is_taken_back(path: Tunnelled, snapshot: FlagSnapshot) -> bool:
    """Whether its side is the new one, and is not to be asked any more."""
    if path.side is not Side.NEW:
        return False
    nobody = snapshot.feature(path.feature).percent == 0 and not path.is_forced
    return nobody or snapshot.latched(path.feature)
