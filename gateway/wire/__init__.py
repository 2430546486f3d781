"""HTTP/1.1 on sockets: bytes in, events out, and back. Knows no feature, no side and no dial.

- ``limits``      sizes and deadlines of one listener and one upstream
- ``reading``     what one client sends, as requests: limits, checks, framing
- ``downstream``  one client connection: keeps the order of its requests, writes their answers, ends well
- ``body``        a request's body on its way upstream, kept up to a bound
- ``upstream``    one connection to an application: sends a request, parses the answer
- ``pool``        the connections to one application: reuse, limit, waiting line
- ``tunnel``      what is left when two connections have switched protocols
- ``frames``      where a WebSocket frame ends
- ``heads``       heads as they go out
- ``framing``     status lines and chunks as bytes
- ``answers``     the answers that the gateway gives itself
- ``sweep``       one timer for every deadline

A request is driven by a ``RequestHandler`` (made by a ``Service``); an answer is received by an
``AnswerReceiver``. Both are told by plain calls, never by tasks.
"""

from gateway.wire.answers import gateway_answer
from gateway.wire.body import RequestBody
from gateway.wire.downstream import Downstream, Service
from gateway.wire.framing import LAST_CHUNK, chunk, status_line
from gateway.wire.heads import answer_head, date_line, field_lines, public_field, request_head
from gateway.wire.limits import WRITE_HIGH_WATER, ListenLimits, UpstreamLimits
from gateway.wire.pool import Tls, UpstreamPool
from gateway.wire.reading import Refusal, RequestHandler
from gateway.wire.reply import Reply
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
    "Refusal",
    "Reply",
    "RequestBody",
    "RequestHandler",
    "Service",
    "Sweeper",
    "Tls",
    "Tunnel",
    "Upstream",
    "UpstreamLimits",
    "UpstreamPool",
    "answer_head",
    "chunk",
    "date_line",
    "field_lines",
    "gateway_answer",
    "public_field",
    "request_head",
    "status_line",
]
