"""HTTP/1.1 on sockets: bytes in, events out, and back. Knows no feature, no side and no dial.

- ``limits``      sizes and deadlines of one listener and one upstream
- ``known``       heads that have been read before
- ``reading``     what one client sends, as requests: limits, checks, framing
- ``downstream``  one client connection: keeps the order of its requests, writes their answers, ends well
- ``body``        a request's body on its way upstream, kept up to a bound
- ``upstream``    one connection to an application: sends a request, parses the answer
- ``sealed``      TLS whose last words can be read
- ``pool``        the connections to one application: reuse, limit, waiting line
- ``tunnel``      what is left when two connections have switched protocols
- ``frames``      where a WebSocket frame ends
- ``heads``       heads as they go out
- ``framing``     status lines and chunks as bytes
- ``answers``     the answers that the gateway gives itself
- ``sweep``       one timer for every deadline
- ``unread``      who leaves while nobody reads from it
- ``untaken``     what a peer has not taken
- ``resets``      connections that end with a reset

A request is driven by a ``RequestHandler`` (made by a ``Service``); an answer is received by an
``AnswerReceiver``. Both are told by plain calls, never by tasks.
"""

from gateway.wire.answers import gateway_answer
from gateway.wire.body import NO_BODY, RequestBody
from gateway.wire.downstream import Downstream, Service
from gateway.wire.framing import LAST_CHUNK, chunk, status_line
from gateway.wire.heads import (
    answer_head,
    answer_lines,
    date_line,
    field_lines,
    public_field,
    request_fields,
    request_head,
)
from gateway.wire.known import KnownAnswers, KnownRequests
from gateway.wire.limits import WRITE_HIGH_WATER, ListenLimits, UpstreamLimits
from gateway.wire.outbox import Outbox
from gateway.wire.pool import Tls, UpstreamPool
from gateway.wire.reading import RequestHandler
from gateway.wire.refusal import Refusal
from gateway.wire.reply import Reply, reply_to
from gateway.wire.sealed import SealingContext
from gateway.wire.sweep import Sweeper
from gateway.wire.tunnel import WEBSOCKET_RESTART, Patience, Tunnel
from gateway.wire.upstream import AnswerReceiver, Upstream

__all__ = [
    "LAST_CHUNK",
    "NO_BODY",
    "WEBSOCKET_RESTART",
    "WRITE_HIGH_WATER",
    "AnswerReceiver",
    "Downstream",
    "KnownAnswers",
    "KnownRequests",
    "ListenLimits",
    "Outbox",
    "Patience",
    "Refusal",
    "Reply",
    "RequestBody",
    "RequestHandler",
    "SealingContext",
    "Service",
    "Sweeper",
    "Tls",
    "Tunnel",
    "Upstream",
    "UpstreamLimits",
    "UpstreamPool",
    "answer_head",
    "answer_lines",
    "chunk",
    "date_line",
    "field_lines",
    "gateway_answer",
    "public_field",
    "reply_to",
    "request_fields",
    "request_head",
    "status_line",
]
