"""One compared exchange as a person reads it: text where bytes were; changes nothing of what was kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from shadow import ComparedExchange, Headers, Observation

__all__ = ["moment", "sample_view"]


def moment(seconds: float) -> str:
    """Seconds since 1970 as the answers of the desk have times: ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def sample_view(exchange: ComparedExchange) -> dict[str, Any]:
    """JSON-able: the request, both answers and what differs. Bytes that are no text are escaped, not lost."""
    request = exchange.request
    return {
        "id": exchange.id,
        "feature": exchange.feature,
        "route": exchange.route,
        "at": moment(exchange.at),
        "against": exchange.against,
        "request": {
            "method": request.method,
            "target": request.target,
            "headers": _fields(request.headers),
            "body": _text(request.body),
            "body_cut": request.body_cut,
        },
        "control": _side(exchange.control),
        "candidate": _side(exchange.candidate),
        "verdict": str(exchange.comparison.verdict),
        "severity": str(exchange.comparison.severity or ""),
        "reason": exchange.comparison.reason,
        "differences": [
            {name: getattr(one, name) for name in one.__struct_fields__}
            for one in exchange.comparison.differences
        ],
        "deepdiff": msgspec.to_builtins(exchange.deepdiff),
    }


def _side(side: Observation) -> dict[str, Any]:
    return {
        "side": side.side,
        "status": side.status,
        "headers": _fields(side.headers),
        "body": _text(side.body),
        "cut": side.cut,
        "truncated": side.truncated,
        "elapsed": side.elapsed,
        "error": side.error,
    }


def _fields(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")
