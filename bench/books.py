"""What a gateway has written down of its shadow, read at its door: every exchange has to be in there once."""

from __future__ import annotations

import re
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

_CAPTURE = re.compile(r'^banyan_capture_total\{.*outcome="([^"]+)".*\} (\S+)$', re.M)
_VERDICT = re.compile(r'^banyan_shadow_total\{.*verdict="([^"]+)".*\} (\S+)$', re.M)
_SAMPLE = re.compile(r"^banyan_shadow_sample_percent(?:\{.*\})? (\S+)$", re.M)
_PATIENCE = 18.0
_RECOVERY = 60.0
"""Seconds for the sample to come back from its lowest: half as much again every three of them."""
_ALL = 100.0
_PAUSE = 0.5
"""Seconds between two looks; reports come four times a second."""


class Books(NamedTuple):
    """Exchanges that could be shadowed, those that the sample left out, and what the others came to."""

    eligible: int = 0
    not_sampled: int = 0
    verdicts: Counter[str] = Counter()  # noqa: RUF012 - never changed

    def since(self, before: Books) -> Books:
        """What has been written since then."""
        verdicts = self.verdicts.copy()
        verdicts.subtract(before.verdicts)
        return Books(self.eligible - before.eligible, self.not_sampled - before.not_sampled, +verdicts)

    @property
    def open(self) -> int:
        """Exchanges that have come to nothing yet."""
        return self.eligible - self.not_sampled - self.verdicts.total()


def read(metrics: str) -> Books:
    """The books of an exposition, all features together."""
    captured, verdicts = Counter[str](), Counter[str]()
    for found, into in ((_CAPTURE, captured), (_VERDICT, verdicts)):
        for word, times in found.findall(metrics):
            into[word] += int(float(times))
    return Books(captured["eligible"], captured["not_sampled"], verdicts)


def verdicts(admin: int) -> dict[str, int]:
    """How many exchanges came to each verdict, and under the empty word all; none while nobody answers."""
    found = (_asked(admin) or Books()).verdicts
    return {**found, "": found.total()}


def _asked(admin: int) -> Books | None:
    """None while nobody answers."""
    metrics = _exposition(admin)
    return read(metrics) if metrics else None


def _exposition(admin: int) -> str:
    """Empty while nobody answers."""
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as answer,
    ):
        return str(answer.read().decode())
    return ""


def whole_sample(admin: int) -> None:
    """Return when every session is in the sample again, which a load that was too much has lowered.

    RuntimeError when that does not come about.
    """
    deadline = time.monotonic() + _RECOVERY
    while not (found := levels(_exposition(admin))) or min(found) < _ALL:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the sample of sessions at port {admin} is still {found} percent")
        time.sleep(_PAUSE)


def levels(metrics: str) -> list[float]:
    """How much of the configured sample is taken, in percent."""
    return [float(level) for level in _SAMPLE.findall(metrics)]


def closed(admin: int) -> Books:
    """The books, once nothing is open and nothing is added any more; as they are after some patience.

    RuntimeError when nobody shows them.
    """
    deadline = time.monotonic() + _PATIENCE
    last, now = None, _asked(admin)
    while time.monotonic() < deadline and (now is None or now != last or now.open):
        time.sleep(_PAUSE)
        last, now = now or last, _asked(admin)
    if now := now or last:
        return now
    raise RuntimeError(f"nobody shows metrics at port {admin}")
