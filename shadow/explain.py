"""Asks DeepDiff what differs, in a process that can be killed. It must not be asked whether anything differs:
the walk knows that.

A helper that does not answer within the limit is killed and a new one takes its place at the next question;
there is no explanation then, and ``reason`` says why. Questions are answered one at a time. The helper is
started as a program (never forked), so neither the event loop nor an open connection of this process gets
into it, and only JSON passes.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any, cast

from shadow.comparison import Comparison
from shadow.explain_frames import LENGTH, frame

LIMIT = 0.25
START_LIMIT = 15.0
MAX_QUESTION = 4 * 1024 * 1024
MAX_ANSWER = 4 * 1024 * 1024


def subjects(comparison: Comparison) -> tuple[dict[str, Any], dict[str, Any]]:
    """The smallest values that differ, by path, ready to be explained: redacted, short, without what is equal
    or excused.
    """
    control: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    for difference in comparison.unexcused:
        if difference.kind != "added":
            control[difference.path] = difference.control
        if difference.kind != "removed":
            candidate[difference.path] = difference.candidate
    return control, candidate


class Explainer:
    """One helper process, started when first needed. ``reason`` tells why the last answer was None; ``kills``
    counts killed helpers.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._helper: _Helper | None = None
        self._held = threading.Lock()
        self._turn: asyncio.Lock | None = None
        self.reason = ""
        self.kills = 0

    async def explain(self, control_json: Any, candidate_json: Any) -> dict[str, Any] | None:
        """DeepDiff's result for two JSON values, or None. Never blocks the event loop."""
        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            return await asyncio.to_thread(self.explain_sync, control_json, candidate_json)

    def explain_sync(self, control_json: Any, candidate_json: Any) -> dict[str, Any] | None:
        """The same for a caller without an event loop."""
        with self._held:
            try:
                answer = self._ask(frame([control_json, candidate_json]))
            except (OSError, ValueError, TypeError, RecursionError) as problem:
                self._kill()
                answer = {"reason": f"no answer from the helper: {type(problem).__name__}"}
            self.reason = answer.get("reason", "")
            return answer.get("result")

    def close(self) -> None:
        """End the helper."""
        with self._held:
            self._kill()

    def _ask(self, question: bytes) -> dict[str, Any]:
        if len(question) > MAX_QUESTION:
            return {"reason": "the values are longer than what is explained"}
        helper = self._running()
        deadline = time.monotonic() + self._limit
        content = helper.receive(deadline) if helper.send(question, deadline) else None
        if content is None:
            self._kill()
            self.kills += 1
            return {"reason": f"no answer within {self._limit * 1000:.0f} ms"}
        answer: dict[str, Any] = json.loads(content)
        return answer

    def _running(self) -> _Helper:
        if self._helper is None or not self._helper.alive():
            self._kill()
            self._helper = _Helper()
            if self._helper.receive(time.monotonic() + START_LIMIT) is None:
                raise OSError("the helper did not start")
        return self._helper

    def _kill(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()


class _Helper:
    """One running helper, with deadlines on both pipes: one that neither reads nor writes cannot hold us."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        known = os.environ.get("PYTHONPATH", "")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "shadow.explain_helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, known)))},
            bufsize=0,
        )
        self._in = cast(IO[bytes], self._process.stdin).fileno()
        self._out = cast(IO[bytes], self._process.stdout).fileno()
        os.set_blocking(self._in, False)

    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, content: bytes, deadline: float) -> bool:
        """Write all of ``content`` before ``deadline``; False when that was not possible."""
        rest = memoryview(content)
        while rest:
            if not _ready(self._in, select.POLLOUT, deadline):
                return False
            rest = rest[os.write(self._in, rest) :]
        return True

    def receive(self, deadline: float) -> bytes | None:
        """The content of the next frame; None when it is late, too long or cut off."""
        head = self._read(LENGTH.size, deadline)
        if head is None:
            return None
        length = LENGTH.unpack(head)[0]
        return self._read(length, deadline) if length <= MAX_ANSWER else None

    def _read(self, length: int, deadline: float) -> bytes | None:
        content = bytearray()
        while len(content) < length:
            if not _ready(self._out, select.POLLIN, deadline):
                return None
            piece = os.read(self._out, length - len(content))
            if not piece:
                return None
            content += piece
        return bytes(content)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()  # reaps it and closes both pipes


def _ready(descriptor: int, event: int, deadline: float) -> bool:
    """Wait until ``descriptor`` is ready. By poll: select cannot take the descriptors of a busy process."""
    waiter = select.poll()
    waiter.register(descriptor, event)
    return bool(waiter.poll(max(0.0, (deadline - time.monotonic()) * 1000)))
