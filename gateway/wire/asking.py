"""The line above a request's fields, read by its grammar (RFC 9112 section 3). Knows no socket.

The parser reads that line too narrowly and too widely for a gateway: it has a list of methods, takes no byte
beyond ASCII in a target, and takes RTSP for HTTP without saying so. So the line is read here, whole, and the
parser is shown a plain one in its place.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.core.message import is_method
from gateway.wire.framing import TOKEN

_TARGET = rb"[!-~\x80-\xff]+"
_EMPTY = re.compile(rb"(?:\r\n)*+")
_LINE = re.compile(rb"(%b) (%b) HTTP/([0-9]\.[0-9])\r\n" % (TOKEN, _TARGET))
_VERSION_BEGUN = rb"H|HT|HTT|HTTP|HTTP/(?:[0-9](?:\.(?:[0-9]\r?)?)?)?"
_BEGUN = re.compile(rb"\r?\Z|%b(?: (?:%b(?: (?:%b)?)?)?)?\Z" % (TOKEN, _TARGET, _VERSION_BEGUN))
_VERSIONS = {b"1.1": 1, b"1.0": 0}


class BadLine(ValueError):
    """What stands where a request's line should stand is none that is spoken here: answered with
    ``status``."""

    def __init__(self, rule: str, status: int = 400) -> None:
        super().__init__(rule)
        self.status = status


class Asked(NamedTuple):
    """A request's line as it stands there, the minor version of its HTTP/1, how many bytes it has with its
    end, and where in the data that is."""

    method: bytes
    target: bytes
    minor_version: int
    size: int
    end: int

    @property
    def in_place(self) -> bytes:
        """What the parser reads instead: of all that a line says, it needs the version alone."""
        return b"POST / HTTP/1.%d\r\n" % self.minor_version


def behind_empty_lines(data: bytes, at: int) -> int:
    """Where in ``data`` the empty lines end that begin at ``at``: they mean nothing (RFC 9112 section
    2.2)."""
    found = _EMPTY.match(data, at) if data.startswith(b"\r", at) else None
    return found.end() if found else at


def read_line(data: bytes, at: int) -> Asked | None:
    """The line that begins at ``at``. None: there is more to come.

    Any byte above ASCII may stand in a target: browsers and programs write paths and queries so, and it goes
    on as it came.

    Raises:
        BadLine: it is not, and cannot become, the line of a request.
    """
    found = _LINE.match(data, at)
    if found is None:
        if _BEGUN.match(data, at):
            return None
        raise BadLine("this is not the line of an HTTP/1 request")
    method, target, said = found.groups()
    version = _VERSIONS.get(said)
    if version is None:
        raise BadLine("the only versions spoken here are HTTP/1.1 and HTTP/1.0", 505)
    if not is_method(method):
        raise BadLine("this method is not known here", 501)
    return Asked(method, target, version, found.end() - at, found.end())
