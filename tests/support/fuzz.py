"""How many examples the property tests of the wire try: sixty, the same every time; or as many as FUZZ says,
others each time (`FUZZ=5000 pytest tests/compliance/test_fuzz.py`)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_ASKED = os.environ.get("FUZZ", "")

MODERATE = settings(
    max_examples=int(_ASKED or 60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=not _ASKED,
)
