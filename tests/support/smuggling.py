"""The smuggling oracle: one judgement for every hostile payload, whatever it is.

The payload is sent on a fresh connection, then a sentinel request on another connection that shares the
upstream pool. The gateway holds when it refuses (4xx or 5xx, and closes), or when what the upstreams saw is
exactly the requests that the gateway accounted for, each with one framing and one Host; and when every
sentinel gets its own answer. ``python -m tests.support.smuggling`` runs the generated payloads and reports;
``--seed`` makes others.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.payloads import SEED, Payload, payloads
from tests.support.ports import wait_until
from tests.support.raw import RawClient, RawResponse, UpstreamConnection, UpstreamRequest
from tests.support.stage import Stage, answer, open_stage

GIVEN = 0.15
SETTINGS = f"""
[listen]
head_timeout = "{GIVEN}s"
body_rate_window = "{GIVEN}s"
idle_timeout = "{GIVEN}s"
"""
"""What an incomplete payload is given; a run of hundreds must not wait ten seconds for each."""

_SENTINEL = b"/sentinel-%d"
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


@dataclass(frozen=True, slots=True)
class Finding:
    """A payload under which the gateway did not hold, and why."""

    payload: Payload
    why: str
    answer: bytes
    upstream: bytes


class Oracle:
    """Judges one payload after the other on a stage."""

    def __init__(self, stage: Stage) -> None:
        """Take a stage over: its applications say which request they answer."""
        self._stage = stage
        self._count = 0
        for player in stage.players:
            player.plays(self._scene)

    def judge(self, payload: Payload) -> Finding | None:
        """Send it, then a sentinel; None when the gateway held."""
        stage = self._stage
        for player in stage.players:
            player.forget()
        came = self._hostile(payload.data)
        why = self._sentinel()
        for player in stage.players:  # what arrives is written down a moment late by a busy machine
            wait_until(player.upstream.is_at_rest, what="applications that have read what they were sent")
        seen = [request for player in stage.players for request in player.requests]
        hostile = [request for request in seen if b"/sentinel-" not in request.target]
        why = why or self._accounted(payload, came, hostile) or next(filter(None, map(_unclear, seen)), "")
        return Finding(payload, why, came, b"".join(p.received for p in stage.players)) if why else None

    def run(self, chosen: Iterable[Payload]) -> list[Finding]:
        """All findings of these payloads."""
        return [finding for payload in chosen if (finding := self.judge(payload)) is not None]

    def _hostile(self, data: bytes) -> bytes:
        with RawClient(self._stage.worker.port) as client:
            with suppress(OSError):  # refused before all of it was sent
                client.send(data)
            try:
                return client.read_until_closed()
            except TimeoutError:
                return bytes(client.log)

    def _sentinel(self) -> str:
        """Several users come after the attacker; each must get its own answer."""
        for _ in range(2):
            self._count += 1
            target = _SENTINEL % self._count
            response = self._exchange(b"GET %b HTTP/1.1\r\nHost: sentinel.example\r\n\r\n" % target)
            if (response.status, response.body) != (200, target):
                return f"a sentinel got another answer: {response.status} {response.body[:80]!r}"
        return ""

    def _exchange(self, request: bytes) -> RawResponse:
        """Its answer. Whoever stands still behind the connect for as long as a payload is given is rightly
        taken for one that says nothing, and comes again; that excuses nobody who was quicker."""
        for _ in range(50):
            began = time.monotonic()
            try:
                with RawClient(self._stage.worker.port) as client:
                    response = client.exchange(request)
                if response.status != 408 or time.monotonic() - began < GIVEN:
                    return response
            except ConnectionError:
                if time.monotonic() - began < GIVEN:
                    raise
        raise TimeoutError("too busy a machine to say anything in time")

    def _accounted(self, payload: Payload, came: bytes, hostile: list[UpstreamRequest]) -> str:
        statuses = [int(status) for status in _STATUS.findall(came) if status >= b"200"]
        refused = bool(statuses) and statuses[-1] >= 400
        answered = statuses[:-1] if refused else statuses
        if len(answered) > payload.requests:
            return f"{len(answered)} answers to at most {payload.requests} requests"
        if len(hostile) > len(answered) + refused:
            lines = [request.line for request in hostile]
            return f"{len(hostile)} requests at the upstream, {len(answered)} accounted for: {lines!r:.400}"
        return ""

    def _scene(self, connection: UpstreamConnection, request: UpstreamRequest) -> None:
        connection.read_body(request.headers)
        connection.send(answer(request.target))


def _unclear(request: UpstreamRequest) -> str:
    """Why this head could be read in two ways; empty when it cannot."""
    framings = request.all(b"Content-Length") + request.all(b"Transfer-Encoding")
    if len(framings) > 1:
        return f"two framings at the upstream: {request.head!r:.400}"
    if len(request.all(b"Host")) != 1:
        return f"not one Host at the upstream: {request.head!r:.400}"
    if re.search(rb"[\0]|\r(?!\n)|(?<!\r)\n", request.head):
        return f"a bare line end or NUL at the upstream: {request.head!r:.400}"
    if request.all(b"Transfer-Encoding") not in ([], [b"chunked"]):
        return f"a coding at the upstream: {request.head!r:.400}"
    return ""


def main() -> int:
    """Run every generated payload against a worker of its own; 1 when it did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.smuggling")
    parser.add_argument("--seed", type=int, default=SEED)
    seed = parser.parse_args().seed
    with tempfile.TemporaryDirectory() as folder, open_stage(Path(folder), settings=SETTINGS) as stage:
        chosen = payloads(seed)
        findings = Oracle(stage).run(chosen)
    lines = [f"{finding.payload.name}: {finding.why}" for finding in findings]
    sys.stdout.write("\n".join([*lines, f"{len(chosen)} payloads, {len(findings)} findings\n"]))
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
