"""Content codings: undone within a limit, whatever they hold."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from shadow import Observation, plain_observation
from shadow.coding import MAX_PLAIN

TEXT = b'{"a": 1}' * 1000
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def plain(coding: str, body: bytes, *, truncated: bool = False) -> Observation:
    headers = ((b"Content-Type", b"application/json"), (b"Content-Encoding", coding.encode()))
    return plain_observation(Observation("new", 200, headers, body, truncated=truncated))


@pytest.mark.parametrize("coding", CODINGS)
def test_there_and_back(coding: str) -> None:
    found = plain(coding, CODINGS[coding](TEXT))
    assert (found.body, found.cut) == (TEXT, False)
    assert found.headers == ((b"Content-Type", b"application/json"),)


def test_zstd_without_a_size_in_its_head() -> None:
    coder = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    assert plain("zstd", coder.compress(TEXT) + coder.flush()).body == TEXT


@pytest.mark.parametrize("coding", CODINGS)
def test_half_of_it_is_cut(coding: str) -> None:
    coded = CODINGS[coding](TEXT)
    found = plain(coding, coded[: len(coded) // 2])
    assert found.cut
    assert TEXT.startswith(found.body)


SKIPPED = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
JOINED = [
    ("gzip", gzip.compress(TEXT) + gzip.compress(b"end"), TEXT + b"end"),
    ("gzip", gzip.compress(TEXT) + bytes(64), TEXT),
    ("zstd", CODINGS["zstd"](TEXT) + CODINGS["zstd"](b"end"), TEXT + b"end"),
    ("zstd", SKIPPED + CODINGS["zstd"](TEXT) + SKIPPED + CODINGS["zstd"](b"end") + SKIPPED, TEXT + b"end"),
]


@pytest.mark.parametrize(("coding", "coded", "text"), JOINED, ids=["members", "filled", "frames", "skipped"])
def test_what_comes_in_several_pieces_is_read_to_its_end(coding: str, coded: bytes, text: bytes) -> None:
    """Members of gzip (RFC 1952, 2.2), frames of zstd (RFC 8878, 3): a browser shows all of them."""
    found = plain(coding, coded)
    assert (found.body, found.cut) == (text, False)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize(
    "more", [b"more", b"\x1f\x8b", CODINGS["gzip"](TEXT)[:-9]], ids=["text", "head", "half"]
)
def test_what_follows_and_cannot_be_read_is_no_whole_answer(coding: str, more: bytes) -> None:
    found = plain(coding, CODINGS[coding](TEXT) + more)
    assert found.body.startswith(TEXT)
    assert found.cut


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_in_pieces_is_cut_at_the_limit(coding: str) -> None:
    found = plain(coding, CODINGS[coding](b"0" * 1_000_000) * 100)
    assert (len(found.body), found.cut) == (MAX_PLAIN, True)


@pytest.mark.parametrize("coding", CODINGS)
def test_nonsense_is_cut_and_empty(coding: str) -> None:
    found = plain(coding, b"\x01nonsense" * 100)
    assert (found.body, found.cut) == (b"", True)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_cut_at_the_limit(coding: str) -> None:
    """200 MB from a few bytes: neither the memory nor the time."""
    bomb = CODINGS[coding](b"0" * 200_000_000)
    tracemalloc.start()
    found = plain(coding, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.cut
    assert len(found.body) == MAX_PLAIN
    assert peak < 8 * MAX_PLAIN


def test_one_after_the_other() -> None:
    assert plain("gzip, br", brotli.compress(gzip.compress(TEXT))).body == TEXT


def test_a_coding_nobody_knows() -> None:
    found = plain("zip", b"anything")
    assert (found.body, found.cut) == (b"", True)
