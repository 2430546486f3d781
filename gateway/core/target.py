"""The request target, parsed once (RFC 9112 section 3.2). The path bytes it returns are routed *and*
forwarded."""

from __future__ import annotations

import re
from typing import NamedTuple

_ABSOLUTE = re.compile(rb"(?i)https?://([^/?#]*)(.*)\Z")
_AUTHORITY = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?\Z")
_PLAIN_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::[0-9]{1,5})?\Z")


class BadTarget(ValueError):
    """The request target, or the host in it, is not one that may be served. The text says why."""

    status = 400


class Target(NamedTuple):
    """``path`` without the query; ``forward`` what goes upstream; ``authority`` only for the absolute
    form."""

    path: bytes
    forward: bytes
    authority: bytes | None


def parse_target(method: bytes, target: bytes) -> Target:
    """Split a request target into what is routed and what is forwarded.

    A ``#`` in the path is refused: some applications end the path there and others do not, so the router and
    they could disagree on it. Behind a ``?`` the path is the same for all of them, and the bytes go on.

    Raises:
        BadTarget: for authority form, a fragment of a path, or anything that is neither a path, a URL nor
        ``*`` with OPTIONS.
    """
    if target.startswith(b"/"):
        return Target(_path_of(target), target, None)
    if target == b"*" and method == b"OPTIONS":
        return Target(b"*", b"*", None)
    found = _ABSOLUTE.match(target)
    if found is None:
        raise BadTarget("the request target must be a path, an http URL, or * with OPTIONS")
    authority, rest = found.groups()
    if not is_authority(authority):
        raise BadTarget("the host in the request target is not valid")
    if method == b"OPTIONS" and not rest:  # the host's own, written otherwise (RFC 9112 section 3.2.4)
        return Target(b"*", b"*", authority)
    forward = rest if rest.startswith(b"/") else b"/" + rest
    return Target(_path_of(forward), forward, authority)


def _path_of(forward: bytes) -> bytes:
    path = forward.partition(b"?")[0]
    if b"#" in path:
        raise BadTarget("a path in a request target has no fragment")
    return path


def is_authority(host: bytes) -> bool:
    """Whether ``host`` is a host with an optional port: no user info, no path, not empty (RFC 9110
    section 7.2)."""
    return _PLAIN_HOST.match(host) is not None or _AUTHORITY.match(host) is not None


def is_served(authority: bytes, hosts: frozenset[bytes]) -> bool:
    """Whether a host with an optional port is one of ``hosts`` (RFC 9110 section 7.4): names in lower case,
    without a port, or ``*.example.com`` for every name one label below. Without any, every host is served."""
    if not hosts:
        return True
    host, colon, port = authority.rpartition(b":")
    name = (host if colon and not port.endswith(b"]") else authority).lower()
    label, _, parent = name.partition(b".")
    return name in hosts or (label != b"" and b"*." + parent in hosts)
