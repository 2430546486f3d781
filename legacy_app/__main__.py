"""`python -m legacy_app --bind 127.0.0.1:5001 --workers 2`: gunicorn, started from here.

Exit code 2 and one sentence on the error output when the environment or the options make no
sense. Nothing is written to the standard output; `--access-log` turns on gunicorn's own.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from .settings import SettingsError, read_settings

MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no annotations
    """gunicorn with the options given here, and no configuration file."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:  # the control socket is younger than what we support
                self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        # Here, in the worker: the counters of `metrics` must be made after the fork.
        from .wsgi import app

        return app


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        print(f"legacy_app: {error}", file=sys.stderr)
        return 2
    # The workers get what was checked, wherever it came from.
    os.environ["SECRET_KEY"] = settings.secret_key
    with _shared_counters():
        Server(_gunicorn_options(options)).run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="legacy_app", description="Workplace Roleplay (Flask)")
    parser.add_argument("--bind", default="127.0.0.1:5001", help="host:port or unix:path")
    parser.add_argument("--workers", type=_positive, default=2)
    parser.add_argument("--threads", type=_positive, default=4, help="of each worker")
    parser.add_argument("--access-log", action="store_true", help="one line for each request")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _gunicorn_options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "bind": options.bind,
        "workers": options.workers,
        "threads": options.threads,
        "worker_class": "gthread",
        "loglevel": "warning",
        "accesslog": "-" if options.access_log else None,
        "control_socket_disable": True,
        "proc_name": "legacy_app",
        "child_exit": _forget_worker,
    }


def _forget_worker(_server: object, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


@contextmanager
def _shared_counters() -> Iterator[None]:
    """A folder in which the workers keep their counters together; an operator's own is left alone."""
    if os.environ.get(MULTIPROC):
        yield
        return
    folder, owner = tempfile.mkdtemp(prefix="legacy-app-metrics-"), os.getpid()
    os.environ[MULTIPROC] = folder
    try:
        yield
    finally:
        if os.getpid() == owner:  # workers leave through here too
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
