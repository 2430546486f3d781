"""Structured log lines: one JSON object per line on standard error. Knows nothing of what it is told."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

_FIELDS = "banyan_fields"


def configure_logging(process: str, level: int = logging.INFO) -> None:
    """Send every log record of this process to standard error as one JSON line; ``process`` names who
    speaks."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(process))
    logging.basicConfig(handlers=[handler], level=level, force=True)


def log_event(logger: logging.Logger, event: str, fields: dict[str, Any], level: int = logging.INFO) -> None:
    """Log ``event`` with stable keys of its own."""
    logger.log(level, event, extra={_FIELDS: fields})


class _JsonLines(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()
