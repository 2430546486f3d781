"""What of an answer that one side alone gave may be a value: by the tables that read it, and by expressions
that say what is meant."""

from __future__ import annotations

import re
from zlib import crc32

from hypothesis import example, given
from hypothesis import strategies as st

from shadow import Observation, RequestSnapshot
from shadow.missed import Missed

WORD = re.compile(r"[A-Za-z0-9_]+")
JOINED = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z0-9_]+(?:[.~+:-]{1,3}[A-Za-z0-9_]+)+(?![A-Za-z0-9_])")
TEXTS = st.text('aZ_09.~+:- \n",/é', max_size=60)


@given(TEXTS, TEXTS)
@example("a" * 15, "Z" * 7 + "_" * 8)
@example("a" * 16, "Z" * 8 + "_" * 8)
@example("a-" * 7 + "a", "a-" * 8 + "a")
def test_values_are_words_with_a_digit_and_long_ones_and_what_is_joined_of_them(
    body: str, field: str
) -> None:
    headers = ((b"Content-Type", b"text/plain"), (b"X-One", field.replace("\n", " ").encode()))
    missed = Missed()
    missed.note(RequestSnapshot("GET", "/", (), b""), Observation("legacy", 200, headers, body.encode()))
    found = [word for text in (body, field) for each in (WORD, JOINED) for word in each.findall(text)]
    values = {word for word in found if len(word) >= 16 or re.search("[0-9]", word)}
    kept = [words for _, words in missed.state()]
    assert kept == ([sorted(crc32(word.encode()) for word in values)] if values else [])
