"""What a feature matches: `[METHOD ]/path`, as text. It must not know requests: the route table does the
matching.

    METHOD      optional, one of RFC 9110 or PATCH (a misspelt one would match nothing, and nobody would be
                told); without one, every method
    /a/b        these segments, byte for byte as they stand in the request's target
    {name}      exactly one segment, whatever it is
    *           last segment only: everything below
"""

from __future__ import annotations

import re

__all__ = ["METHODS", "checked_pattern", "same_pattern"]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
"""RFC 9110 section 9.3, and RFC 5789."""
_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}")
# RFC 3986 section 3.3 pchar, without braces and asterisk, which mean something here.
_SEGMENT = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;=:@]|%[0-9A-Fa-f]{2})*")


def checked_pattern(text: str) -> str:
    """The pattern as it was given; ValueError says what is wrong with it."""
    method, space, path = text.rpartition(" ")
    if space and method not in METHODS:
        raise ValueError(
            f"before the path stands one method in capitals and one space, of {', '.join(METHODS)}"
        )
    if not path.startswith("/"):
        raise ValueError("the path begins with /")
    segments = path[1:].split("/")
    parameters = [segment for segment in segments if segment.startswith("{")]
    for number, segment in enumerate(segments, 1):
        if segment == "*" and number == len(segments):
            continue
        if "*" in segment:
            raise ValueError("* stands alone, as the last segment")
        if not (_PARAMETER.fullmatch(segment) or _SEGMENT.fullmatch(segment)):
            raise ValueError(
                f"the segment {segment!r} is neither {{name}} nor made of characters that a path may hold "
                "(percent-encode others)"
            )
    if len(set(parameters)) != len(parameters):
        raise ValueError("it names one parameter twice")
    return text


def same_pattern(text: str) -> str:
    """What two patterns have in common when they match exactly the same requests: names of parameters do not
    count."""
    return _PARAMETER.sub("{}", text)
