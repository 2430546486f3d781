"""The note that a running gateway leaves in its state folder, as others read it: how the command line finds
it. The standard library alone, so that a rollback does not wait for more to be loaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

__all__ = ["RUNTIME_FILE", "Runtime", "read_runtime"]

RUNTIME_FILE: Final = "runtime"


@dataclass(frozen=True, slots=True)
class Runtime:
    """One running gateway: its supervisor's process, addresses as URLs, `started_at` in UTC, the
    configuration file.
    """

    pid: int
    runtime: str
    admin: str
    traffic: str
    started_at: str
    config: str

    def encoded(self) -> bytes:
        """As it stands in the file: JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decoded(cls, data: bytes) -> Runtime:
        """From what `encoded` gives; more is passed over. ValueError for anything else."""
        document = json.loads(data)
        if not isinstance(document, dict) or type(document.get("pid")) is not int:
            raise ValueError("no note of a gateway")
        texts = [document.get(name) for name in ("runtime", "admin", "traffic", "started_at", "config")]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("no note of a gateway")
        return cls(document["pid"], *map(str, texts))


def read_runtime(folder: Path) -> Runtime | None:
    """The note of the gateway that runs on this folder; None when there is none, or its process is gone."""
    try:
        found = Runtime.decoded((folder / RUNTIME_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if Path(f"/proc/{found.pid}").exists() else None
