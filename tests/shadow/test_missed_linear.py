"""What one side alone gave is gone through once, whatever it consists of.

There is no clock here: where a pattern went back for each character, one of these would take many minutes.
"""

from __future__ import annotations

import pytest

from shadow import Observation, RequestSnapshot
from shadow.missed import MOST_BYTES, Missed

HOSTILE = ("a", "1", "a-", "a---", "a----", "a1_", "/", "/1a", "id", "id=", "id=[", "ids ", "ids:", "iD", "+")
TEXT = ((b"Content-Type", b"text/plain"),)
TOKEN = b" tok-1234567 "


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_answer_costs_no_more_than_its_size_and_hides_no_token(piece: str) -> None:
    body = (piece * MOST_BYTES)[: MOST_BYTES - len(TOKEN)].encode() + TOKEN
    missed = Missed()
    kept = missed.note(RequestSnapshot("GET", "/form", (), b""), Observation("legacy", 200, TEXT, body))
    assert kept
    assert missed.is_shown_by(RequestSnapshot("POST", "/form", (), body))
    assert missed.is_shown_by(RequestSnapshot("POST", "/form", (), TOKEN))
