"""Structured log lines: one JSON object per line on standard error. Knows nothing of what it is told."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

_FIELDS = "banyan_fields"


def configure_logging(process: str, level: int = logging.INFO, *, private: bool = False) -> None:
    """Send every log record of this process to standard error as one JSON line; ``process`` names who
    speaks. ``private``: it has users' requests at hand, so of an exception its type and its place are said,
    and not its message, which may quote one.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(process, private=private))
    logging.basicConfig(handlers=[handler], level=level, force=True)


def log_event(logger: logging.Logger, event: str, fields: dict[str, Any], level: int = logging.INFO) -> None:
    """Log ``event`` with stable keys of its own."""
    logger.log(level, event, extra={_FIELDS: fields})


class _JsonLines(logging.Formatter):
    def __init__(self, process: str, *, private: bool = False) -> None:
        super().__init__()
        self._process = process
        self._private = private

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": self._message(record),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()

    def _message(self, record: logging.LogRecord) -> str:
        if self._private and record.name == "asyncio" and record.exc_info:
            return "the event loop met an exception"  # it would quote the arguments of what failed
        return record.getMessage()

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name that logging calls
        if not self._private:
            return super().formatException(ei)
        return "".join(_places(ei[1], set())).rstrip() if ei[1] is not None else "an exception"


def _places(error: BaseException, seen: set[int]) -> Iterator[str]:
    """As Python shows it, what it came from first, without the messages."""
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _places(before, seen)
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__qualname__}\n"
