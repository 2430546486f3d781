"""The answers that the gateway gives itself: problem details with Proxy-Status, so that no application is
blamed.

RFC 9457 (problem details), RFC 9209 (Proxy-Status).
"""

from __future__ import annotations

from email.utils import formatdate

import msgspec

from gateway.wire.framing import status_line

_PROXY_ERRORS = {
    400: "http_request_error",
    405: "http_request_denied",
    408: "http_request_error",
    413: "http_request_error",
    414: "http_request_error",
    417: "http_request_error",
    421: "http_request_denied",
    431: "http_request_error",
    503: "connection_limit_reached",
    505: "http_request_error",
    508: "proxy_loop_detected",
}


def gateway_answer(
    status: int,
    detail: str,
    *,
    error: str = "",
    close: bool = True,
    head_only: bool = False,
    extra: bytes = b"",
) -> bytes:
    """A whole answer, ready to write. ``error`` is a Proxy-Status error type; ``extra`` are further field
    lines."""
    line = status_line(status)
    title = line[13:-2].decode()
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    kind = error or _PROXY_ERRORS.get(status, "proxy_internal_error")
    head = (
        b"%bContent-Type: application/problem+json\r\nContent-Length: %d\r\nDate: %b\r\n"
        b"Proxy-Status: banyan; error=%b\r\nCache-Control: no-store\r\n%b%b%b\r\n"
    ) % (
        line,
        len(body),
        formatdate(usegmt=True).encode(),
        kind.encode(),
        b"Retry-After: 1\r\n" if status == 503 else b"",
        extra,
        b"Connection: close\r\n" if close else b"",
    )
    return head if head_only else head + body
