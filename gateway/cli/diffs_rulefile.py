"""Adds one rule to the rules file, whole or not at all, and only where the file is right with it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from gateway.cli.failures import NO, CommandError
from shadow import RulesError, parse_rules

__all__ = ["add_rule"]


def add_rule(path: Path, text: str) -> str:
    """Append `text` to the file → the id of the new rule. Raises `CommandError`."""
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = f"{before.rstrip()}\n\n{text}" if before.strip() else text
        rules = parse_rules(after, str(path))
        _replace(path, after)
    except RulesError as error:
        raise CommandError(str(error), NO) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be changed: {error}") from error
    return rules.rules[-1].id


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
