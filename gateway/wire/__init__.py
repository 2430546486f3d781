"""HTTP/1.1 on sockets: bytes in, events out, and back. Knows no feature, no side and no dial.

- ``limits``      sizes and deadlines of one listener and one upstream
- ``downstream``  one client connection: parses requests, keeps their order, writes answers
- ``upstream``    one connection to an application: sends a request, parses the answer
- ``pool``        the connections to one application: reuse, limit, waiting line
- ``tunnel``      what is left when two connections have switched protocols
- ``framing``     heads and chunks as bytes
- ``answers``     the answers that the gateway gives itself
- ``sweep``       one timer for every deadline

A request is driven by a ``RequestHandler`` (made by a ``Service``); an answer is received by an
``AnswerReceiver``. Both are told by plain calls, never by tasks.
"""

from gateway.wire.answers import gateway_answer
from gateway.wire.downstream import Downstream, RequestHandler, Service
from gateway.wire.framing import LAST_CHUNK, chunk, status_line
from gateway.wire.limits import WRITE_HIGH_WATER, ListenLimits, UpstreamLimits
from gateway.wire.pool import UpstreamPool
from gateway.wire.sweep import Sweeper
from gateway.wire.tunnel import WEBSOCKET_RESTART, Tunnel
from gateway.wire.upstream import AnswerReceiver, Upstream

__all__ = [
    "LAST_CHUNK",
    "WEBSOCKET_RESTART",
    "WRITE_HIGH_WATER",
    "AnswerReceiver",
    "Downstream",
    "ListenLimits",
    "RequestHandler",
    "Service",
    "Sweeper",
    "Tunnel",
    "Upstream",
    "UpstreamLimits",
    "UpstreamPool",
    "chunk",
    "gateway_answer",
    "status_line",
]
