"""A real PostgreSQL on a Unix socket: the binaries that the pgserver package carries."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

MISSING = (
    "no PostgreSQL for this Python: the package 'pgserver' has no build for it (there are some up to 3.12)"
)


def find_postgres() -> bool:
    """Whether a server can be started here."""
    try:
        _package()
    except ImportError:
        return False
    return True


class Postgres:
    """One running server with a folder of its own, which goes with it."""

    def __enter__(self) -> Self:
        """Start it. The folder's name is short: a socket's path must not have more than 107 bytes."""
        self.socket = Path(tempfile.mkdtemp(prefix="pg-"))
        # It ends by the number of the process that it wrote down, when the last of its handles is let go.
        self._server = _package().get_server(self.socket, cleanup_mode="stop")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._server.cleanup()
        shutil.rmtree(self.socket, ignore_errors=True)

    def new_database(self) -> str:
        """The name of a new, empty database. Its user is `postgres`, of any password."""
        name = f"test_{uuid.uuid4().hex}"
        self._server.psql(f"create database {name};")
        return name


def _package() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it keeps its lock file
        import pgserver  # noqa: PLC0415

        inside: Any = import_module("pgserver.postgres_server")
    if not isinstance(inside.pg_ctl, partial):
        inside.pg_ctl = partial(_patient, inside.pg_ctl)
    return pgserver


def _patient(pg_ctl: Callable[..., str], *words: Any, **settings: Any) -> str:
    """The package gives a server ten seconds to start; a busy machine may need more."""
    return pg_ctl(*words, **settings | {"timeout": 180})
