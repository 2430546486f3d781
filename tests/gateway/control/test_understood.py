"""What lies where everybody can write: whatever it is, it is read or it is nothing."""

from __future__ import annotations

import msgspec
import pytest

from gateway.control.machines import Entry
from gateway.control.understood import understood

ENTRY = Entry("a", version=1, latches=0, workers=2, have=2, seconds=0.5, state_age=None)


def test_what_a_machine_wrote_is_read() -> None:
    assert understood(msgspec.json.encode(ENTRY), Entry, longest=2000) == ENTRY


@pytest.mark.parametrize("data", [
    b"",
    b"{",
    b"[]",
    b'{"machine": 1}',
    b'{"machine": "\xff"}',
    b'{"x":' + b"[" * 1990,
    msgspec.json.encode(ENTRY) + b" " * 2000,
])  # fmt: skip
def test_anything_else_is_nothing(data: bytes) -> None:
    assert understood(data, Entry, longest=2000) is None
