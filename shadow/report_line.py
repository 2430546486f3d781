"""The one structured log line of a mismatch. It must not know loggers; whoever logs decides where it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from shadow.result import ComparedExchange, signature_ids

MAX_DIFFERENCES = 20


def mismatch_line(result: ComparedExchange) -> dict[str, Any]:
    """A JSON-able mapping with stable keys; as redacted as ``result`` is. Bodies and headers are not in
    it.
    """
    comparison = result.comparison
    return {
        "event": "shadow.mismatch",
        "time": datetime.fromtimestamp(result.at, UTC).isoformat(timespec="milliseconds"),
        "id": result.id,
        "feature": result.feature,
        "route": result.route,
        "method": result.request.method,
        "against": result.against,
        "verdict": comparison.verdict.value,
        "severity": comparison.severity.value if comparison.severity else None,
        "reason": comparison.reason,
        "stage": comparison.stage,
        "control": {
            "side": result.control.side,
            "status": result.control.status,
            "elapsed": result.control.elapsed,
        },
        "candidate": {
            "side": result.candidate.side,
            "status": result.candidate.status,
            "elapsed": result.candidate.elapsed,
        },
        "signatures": list(signature_ids(result))[:MAX_DIFFERENCES],
        "differences": [msgspec.to_builtins(each) for each in comparison.differences[:MAX_DIFFERENCES]],
        "differences_total": len(comparison.differences),
        "deepdiff": result.deepdiff,
    }
