"""Undoes the content coding of a body, so that no secret hides in it and compressors do not differ.

It must not know what the body holds. gzip, deflate, br and zstd are undone, within a limit on what comes out;
any other coding leaves nothing that could be compared or shown.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from shadow.model import Headers, Observation, RequestSnapshot

MAX_PLAIN = 16 * 1024 * 1024
_NAME = b"content-encoding"
_LENGTH = len(_NAME)
_WINDOWS = {
    b"gzip": (31,),
    b"x-gzip": (31,),
    b"deflate": (15, -15),
}  # deflate is sent with and without its wrapper


class _Plain(NamedTuple):
    headers: Headers
    body: bytes
    whole: bool


def plain_observation(observation: Observation) -> Observation:
    """The same observation without a content coding; what could not be undone in full is marked ``cut``."""
    if not _is_coded(observation.headers):
        return observation
    plain = _undone(observation.headers, observation.body)
    cut = observation.cut or not (plain.whole or observation.truncated)
    return msgspec.structs.replace(observation, headers=plain.headers, body=plain.body, cut=cut)


def plain_request(request: RequestSnapshot) -> RequestSnapshot:
    """The same request without a content coding."""
    if not _is_coded(request.headers):
        return request
    plain = _undone(request.headers, request.body)
    cut = request.body_cut or not plain.whole
    return msgspec.structs.replace(request, headers=plain.headers, body=plain.body, body_cut=cut)


def _is_coded(headers: Headers) -> bool:
    for name, _ in headers:  # noqa: SIM110 - a generator costs more, and this runs twice in every comparison
        if len(name) == _LENGTH and name.lower() == _NAME:
            return True
    return False


def _undone(headers: Headers, body: bytes) -> _Plain:
    codings: list[bytes] = []
    for name, value in headers:
        if name.lower() == _NAME:
            codings += [coding.strip().lower() for coding in value.split(b",")]
    whole = True
    for coding in reversed([coding for coding in codings if coding not in (b"", b"identity")]):
        body, complete = _decompressed(coding, body) if body else (body, True)
        whole = whole and complete
    rest = tuple(line for line in headers if line[0].lower() != _NAME)
    return _Plain(rest, body, whole)


def _decompressed(coding: bytes, body: bytes) -> tuple[bytes, bool]:
    if coding in _OTHERS:
        return _OTHERS[coding](body)
    for window in _WINDOWS.get(coding, ()):
        try:
            return _inflated(window, body)
        except zlib.error:
            continue
    return b"", False


def _inflated(window: int, body: bytes) -> tuple[bytes, bool]:
    """All members of it (RFC 1952, 2.2): what comes after the first is as much of the answer. Raises
    zlib.error when not even the first can be read.
    """
    plain, size = list[bytes](), 0
    for _ in range(_MOST_MEMBERS):
        decompressor = zlib.decompressobj(window)
        try:
            plain.append(decompressor.decompress(body, MAX_PLAIN + 1 - size))
        except zlib.error:
            if not plain:
                raise
            break
        size += len(plain[-1])
        body = decompressor.unused_data
        if size > MAX_PLAIN or not decompressor.eof:
            break
        if not body.strip(b"\0"):  # some fill it up
            return b"".join(plain), True
    return b"".join(plain)[:MAX_PLAIN], False


def _brotli(body: bytes) -> tuple[bytes, bool]:
    import brotli  # noqa: PLC0415 - only an answer in this coding needs it

    decompressor = brotli.Decompressor()
    try:
        plain = decompressor.process(body, output_buffer_limit=MAX_PLAIN)
    except brotli.error:
        return b"", False
    return bytes(plain[:MAX_PLAIN]), decompressor.is_finished() and len(plain) <= MAX_PLAIN


def _zstd(body: bytes) -> tuple[bytes, bool]:
    import zstandard  # noqa: PLC0415 - only an answer in this coding needs it

    whole = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    plain, size, start = list[bytes](), 0, 0
    decompressor = whole.decompressobj()
    try:
        while start < len(body) and size <= MAX_PLAIN:
            if decompressor.eof:  # one frame after the other (RFC 8878, 3)
                decompressor = whole.decompressobj()
            # small steps: three bytes may stand for 128 KiB
            plain.append(decompressor.decompress(body[start : start + _STEP]))
            size += len(plain[-1])
            start = min(start + _STEP, len(body)) - len(decompressor.unused_data)
    except zstandard.ZstdError:
        return b"".join(plain), False
    return b"".join(plain)[:MAX_PLAIN], decompressor.eof and size <= MAX_PLAIN


_LARGEST_WINDOW = 8 * 1024 * 1024  # RFC 9659: what a recipient must support
_STEP = 64
_MOST_MEMBERS = 1000
_OTHERS: Mapping[bytes, Callable[[bytes], tuple[bytes, bool]]] = MappingProxyType(
    {b"br": _brotli, b"zstd": _zstd}
)
