"""What is said of the sessions whose exchanges the shared streams have no room for."""

from __future__ import annotations

import msgspec
import pytest

from gateway.capture.exchange import Captured, SessionGap, WriteBegan, decode, encode
from gateway.capture.gaps import AGAIN, MOST_TOLD, Gaps
from tests.gateway.capture.test_exchange import EXCHANGE


def lost(method: str, key: str = "key") -> bytes:
    request = msgspec.structs.replace(EXCHANGE.request, method=method)
    return encode(msgspec.structs.replace(EXCHANGE, key=key, request=request, began=7.0))


def told_of(word: bytes | None) -> str:
    if word is None:
        return ""
    gap = decode(word[4:])
    assert isinstance(gap, SessionGap)
    assert gap.began == 7.0
    return gap.key


def test_each_write_and_the_first_read_of_a_session_are_told() -> None:
    """The answer to a read may hold a token, which nobody can translate then. Once is enough for a while, as
    a word about one session is one about those that come after it (`MirrorBook.lose`).
    """
    now = 100.0
    gaps = Gaps(lambda: now)
    assert [told_of(gaps.word_for(lost("GET"))) for _ in range(3)] == ["key", "", ""]
    assert [told_of(gaps.word_for(lost("POST"))) for _ in range(2)] == ["key", "key"]
    assert [told_of(gaps.word_for(lost("GET", "another"))) for _ in range(2)] == ["another", ""]
    now += AGAIN - 1
    assert told_of(gaps.word_for(lost("HEAD"))) == ""
    now += 1
    assert told_of(gaps.word_for(lost("GET"))) == "key"


def test_what_is_remembered_of_it_is_bounded() -> None:
    gaps = Gaps(lambda: 1.0)
    for number in range(MOST_TOLD + 1):
        gaps.word_for(lost("GET", str(number)))
    assert len(gaps._told) == MOST_TOLD
    assert told_of(gaps.word_for(lost("GET", "0"))) == "0"


@pytest.mark.parametrize("word", [SessionGap("key", "why"), WriteBegan("key", 1.0)])
def test_a_word_is_no_exchange(word: Captured) -> None:
    assert Gaps().word_for(encode(word)) is None
