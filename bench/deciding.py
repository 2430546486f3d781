"""What it costs a worker to decide, by where the dial comes from: `python -m bench.deciding`.

One process, a thousand features, keys as minted. It measures the line of the request path that takes the
state in force and evaluates it, and what a new configuration or a latch costs the next request.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from flags import FeatureState, FlagSnapshot, LiveFlags, StatePage, evaluate
from flags.providers.unleash import UnleashRules
from gateway.core.context import ContextReader, Place
from gateway.core.headers import read_request_fields

FEATURES = tuple(f"feature-{number}" for number in range(1000))
KEYS = 5000
ROUNDS = 7
HALF = list("01234567")


def rules(constraints: list[object]) -> bytes:
    """A thousand features at 30 %, as the control process publishes them."""
    return msgspec.json.encode(
        {
            "version": 2,
            "features": [
                {
                    "name": name,
                    "enabled": True,
                    "strategies": [
                        {
                            "name": "flexibleRollout",
                            "parameters": {"rollout": "30", "stickiness": "default", "groupId": name},
                            "constraints": constraints,
                        }
                    ],
                }
                for name in FEATURES
            ],
            "segments": [],
        }
    )


CONSTRAINT = {"contextName": "userId", "operator": "STR_STARTS_WITH", "values": HALF}
PROPERTY = {"contextName": "tenant", "operator": "IN", "values": ["acme"]}
READER = ContextReader([Place("tenant", "header", "X-Tenant")], lambda _: False)
FACTS = read_request_fields(
    [(b"Host", b"a"), *((b"X-%d" % n, b"value") for n in range(10)), (b"X-Tenant", b"acme")]
)
SOURCES: tuple[tuple[str, bytes | None], ...] = (
    ("dial of this machine", None),
    ("Unleash, a percentage", rules([])),
    ("Unleash, constraints", rules([CONSTRAINT])),
    ("Unleash, of the request", rules([PROPERTY])),
)


def measure(folder: Path, published: bytes | None) -> tuple[float, ...]:
    """Microseconds: first sight of a key, seen before; milliseconds: a new configuration, a latch."""
    page = StatePage.create(folder / "state.page", FEATURES)
    compiled = UnleashRules("default").compiled if published else None
    live = LiveFlags(page, page.claim_row(os.getpid()), compiled=compiled)
    page.publish(FlagSnapshot(1, False, dict.fromkeys(FEATURES, FeatureState(3000)), published))
    taken = timed(live.current)
    page.latch(FEATURES[1], True)
    latched = timed(live.current)
    keys = [f"{random.getrandbits(128):032x}" for _ in range(KEYS)]

    def decide() -> None:
        for key in keys:
            state = live.current().feature(FEATURES[7])
            rule, context = state.rule, None
            if rule is not None and rule.wants:
                context = READER.read(rule.wants, FACTS, "192.0.2.1")
            evaluate(state, FEATURES[7], key, context)

    first = timed(decide) / KEYS
    again = statistics.median(timed(decide) / KEYS for _ in range(ROUNDS))
    page.close()
    return first * 1e6, again * 1e6, taken * 1e3, latched * 1e3


def timed(work: Callable[[], object]) -> float:
    """Seconds of the processor's time: what else a machine does meanwhile does not count."""
    started = time.thread_time()
    work()
    return time.thread_time() - started


def main() -> None:
    """Print the table."""
    print(f"{'source':26}{'first sight':>14}{'seen before':>14}{'new rules':>14}{'after a latch':>16}")
    for name, published in SOURCES:
        with tempfile.TemporaryDirectory() as folder:
            first, again, taken, latched = measure(Path(folder), published)
        print(f"{name:26}{first:11.2f} µs{again:11.2f} µs{taken:11.2f} ms{latched:13.2f} ms")


if __name__ == "__main__":
    main()
