"""Undoes the content coding of a body, so that no secret hides in it and compressors do not differ.

It must not know what the body holds. gzip and deflate are undone, within a limit on what comes out; any other
coding leaves nothing that could be compared or shown.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec

from shadow.model import Headers, Observation, RequestSnapshot

MAX_PLAIN = 4 * 1024 * 1024
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
    for window in _WINDOWS.get(coding, ()):
        decompressor = zlib.decompressobj(window)
        try:
            return decompressor.decompress(body, MAX_PLAIN), decompressor.eof
        except zlib.error:
            continue
    return b"", False
