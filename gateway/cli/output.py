"""How commands print: JSON with stable keys, or tables; colours on a terminal only. Knows no command."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

__all__ = ["duration", "harmless", "on_one_line", "print_json", "progress", "say", "say_folded", "table"]

_STYLES = {
    "legacy": "yellow",
    "new": "green",
    "split": "green",
    "rolled back": "bold red",
    "open": "bold red",
    "half_open": "yellow",
    "ready": "bold green",
    "not_ready": "bold red",
    "pass": "green",
    "hold": "yellow",
    "fail": "bold red",
    "behind": "yellow",
    "hangs": "bold red",
    "high": "red",
    "medium": "yellow",
}


def print_json(value: Any) -> None:
    """One JSON document."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
    if not text.isprintable():
        # JSON's own escape: the same value for a program, nothing to obey for a terminal.
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    click.echo(text)


def say(text: str) -> None:
    """Plain text; what a terminal would obey is shown as its escape."""
    click.echo("\n".join(map(harmless, text.split("\n"))))


def say_folded(text: str) -> None:
    """One line, folded at the width of a terminal, what follows further in; anywhere else as it is."""
    width = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or len(text) <= width:
        say(text)
        return
    further = " " * (len(text) - len(text.lstrip()) + 2)
    for line in textwrap.wrap(
        text, width, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    ):
        say(line)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, nothing: str) -> None:
    """Rows under their columns; `nothing` is said when there are none."""
    if not rows:
        say(nothing)
        return
    cells = [["" if cell is None else on_one_line(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _rich(columns, cells)
    else:
        _plain(columns, cells)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, str], None] | None]:
    """A bar on a terminal, moved by `tick(done, total, name)`; None anywhere else."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 -- only a terminal needs it
    from rich.markup import escape  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tick(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=escape(f"{what} {name}"))

        yield tick


def on_one_line(text: str) -> str:
    """A text that somebody else wrote, for one cell: line breaks and tabs become spaces, and what a terminal
    would obey is shown as its escape.
    """
    text = " ".join(text.split()) if not text.isprintable() else text
    return harmless(text)


def harmless(text: str) -> str:
    """The same text without anything that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def duration(seconds: float | None) -> str:
    """Seconds as a person reads them: `12.3 ms`, `1.20 s`, or a dash."""
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 -- only a terminal needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(box=None, header_style="dim", pad_edge=False)
    for index, column in enumerate(columns):
        # What is too wide goes on in the next line: dots would hide which feature it is that is rolled back.
        drawn.add_column(column, overflow="fold", no_wrap=index == 0)
    for row in rows:
        # Text, not str: square brackets in somebody's path are no markup.
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console().print(drawn)


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
