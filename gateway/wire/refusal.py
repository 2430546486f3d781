"""A request that is not taken: what its client is told. Knows no socket."""

from __future__ import annotations

import logging

_log = logging.getLogger("banyan.wire")


class Refusal(Exception):
    """A request breaks a rule: ``status`` is answered, with ``extra`` field lines, and the connection
    closed. ``head_only``: without a body."""

    def __init__(self, status: int, detail: str, extra: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.extra = extra
        self.head_only = False


def our_mistake(cause: BaseException | None) -> Refusal:
    """What a client is told of an exception that no rule of the wire explains; it is in the log."""
    _log.error("a request could not be begun", exc_info=cause)
    return Refusal(500, "the gateway could not begin this request")
