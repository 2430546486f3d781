"""A sample that takes too long to be looked through for secrets is kept without its bodies."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gateway.capture import CapturedExchange
from gateway.shadow_process import ShadowProcess
from shadow import Observation, Redactor, RequestSnapshot, compare
from tests.gateway.shadowing.test_pipeline import prepared

HEADERS = (
    (b"content-type", b"application/json"),
    (b"content-encoding", b"identity"),
    (b"x-api-key", b"k3y-of-ours"),
)
REQUEST = RequestSnapshot("POST", "/api/orders/1", HEADERS, b'{"password": "one"}')
CONTROL = Observation("legacy", 200, HEADERS, b'{"a": 1}')
CANDIDATE = Observation("new", 200, HEADERS, b'{"a": 2}')
EXCHANGE = CapturedExchange("id", "orders", "/api/orders/*", "user", True, 2.0, REQUEST, CONTROL, began=1.0)


@pytest.mark.parametrize("poisonous", [True, False])
async def test_its_bodies_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, poisonous: bool
) -> None:
    process = ShadowProcess(prepared(tmp_path), 0, tmp_path)
    findings, limit, body = process._findings, process._parts.limit, Redactor.body

    def slowly(redactor: Redactor, content: bytes, content_type: str) -> bytes:
        while content:
            """Without an end."""
        return body(redactor, content, content_type)

    if poisonous:
        monkeypatch.setattr(Redactor, "body", slowly)
    comparison = compare(REQUEST, CONTROL, CANDIDATE, process._rules.rules, today=date(2026, 1, 1))
    findings.shadowed(EXCHANGE, CONTROL, CANDIDATE, comparison)
    await findings.idle()
    ((_, sample),) = findings.take_batch().samples
    process._explainer.close()
    assert limit.reached == (1 if poisonous else 0)
    bodies = [sample.request.body, sample.control.body, sample.candidate.body]
    assert (bodies == [b""] * 3) == poisonous
    cuts = [sample.request.body_cut, sample.control.cut, sample.candidate.cut]
    assert cuts == [poisonous] * 3
    assert b"k3y-of-ours" not in repr(sample).encode(), "the fields are redacted all the same"
