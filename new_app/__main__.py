"""`python -m new_app`: checks the environment, then serves with uvicorn."""

from __future__ import annotations

import argparse
import os
import sys

import uvicorn

from new_app.settings import SettingsError, read_settings


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"new_app: {error}\n")
        return 2
    uvicorn.run(
        "new_app.main:app",
        host=options.host,
        port=options.port,
        workers=options.workers,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m new_app", description="Workplace Roleplay, the FastAPI application."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5002)
    parser.add_argument("--workers", type=_at_least_one, default=1)
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
