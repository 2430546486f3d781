"""`banyan ledger`, `banyan ledger verify` and `banyan ledger head`; read from the disk when nobody answers,
since history outlives processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from flags import Head, Ledger, StateFile, StateUnwritable
from gateway.cli.client import AdminClient
from gateway.cli.failures import NO, CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings

__all__ = ["ledger"]


class _NoKey(CommandError):
    """The seals cannot be looked at."""


@click.command()
@click.argument("what", required=False, type=click.Choice(["verify", "head"]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--head", metavar="FILE|VALUE", help="With verify: a head that was kept elsewhere.")
@shared
@pass_settings
@click.pass_context
def ledger(
    context: click.Context, settings: Settings, what: str | None, limit: int, head: str | None
) -> None:
    """Who changed what, when, why, on what evidence; `verify` proves that nothing was altered, also since
    `head` was kept elsewhere.
    """
    if what == "head":
        _print_head(settings)
        return
    if head is not None and what != "verify":
        raise CommandError("--head goes with `banyan ledger verify`.")
    try:
        problems = _problems(settings, _kept(head) if head is not None else None)
    except _NoKey as trouble:
        if what is not None:
            raise
        problems = []  # who may not see the key may see the entries
        click.echo(f"banyan: {trouble.format_message()}", err=True)
    if what is None:
        _list(context, settings, _entries(settings, limit), problems)
        return
    if settings.as_json:
        print_json({"intact": not problems, "problems": problems})
    else:
        say("\n".join(problems) or "The ledger is intact.")
    if problems:
        context.exit(NO)


def _list(
    context: click.Context, settings: Settings, entries: list[dict[str, Any]], problems: list[str]
) -> None:
    """What can be read is shown; what is wrong is never passed over."""
    if not problems:
        _print(settings, entries)
    elif not entries:
        raise CommandError(" ".join(problems), NO)
    else:
        _print(settings, entries)
        click.echo(f"banyan: {' '.join(problems)}", err=True)
        context.exit(NO)


def _entries(settings: Settings, limit: int) -> list[dict[str, Any]]:
    client = AdminClient(settings)
    if _elsewhere(settings) or client.alive(0.3):
        found: list[dict[str, Any]] = client.ask("/ledger", limit=limit)
        return found
    try:
        return [msgspec.to_builtins(entry) for entry in Ledger(settings.state_dir()).entries(limit)]
    except OSError as error:
        raise _unreadable(error) from error


def _problems(settings: Settings, head: Head | None) -> list[str]:
    if _elsewhere(settings):
        kept = None if head is None else str(head)
        found: list[str] = AdminClient(settings).ask("/ledger/verify", head=kept)["problems"]
        return found
    folder = settings.state_dir()
    state = StateFile(folder)
    begun = state.path.exists() or state.previous.exists()
    ledger = Ledger(folder)
    if not begun and not ledger.path.exists() and not ledger.head_path.exists() and head is None:
        raise CommandError(
            f"no gateway has run on the state folder {folder} yet, so there is no ledger; name another "
            "configuration with -c FILE."
        )
    try:
        return ledger.verify(begun=begun, head=head)
    except StateUnwritable as error:
        raise _NoKey(str(error)) from error
    except OSError as error:
        raise _unreadable(error) from error


def _kept(value: str) -> Head:
    """A head as it was printed, or the file in which it was kept."""
    head = Head.parse(value.strip())
    if head is not None:
        return head
    try:
        head = Head.parse(Path(value).read_text(encoding="ascii", errors="replace").strip())
    except OSError as error:
        raise CommandError(
            f"--head: expected what `banyan ledger head` printed, or a file with it; {value!r} is neither "
            f"({error.strerror})."
        ) from error
    if head is None:
        raise CommandError(f"--head: the file {value} does not hold what `banyan ledger head` printed.")
    return head


def _print_head(settings: Settings) -> None:
    if _elsewhere(settings):
        found = AdminClient(settings).ask("/ledger/head")
    else:
        try:
            head = Ledger(settings.state_dir()).head()
        except StateUnwritable as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise _unreadable(error) from error
        found = {"head": str(head), "seq": head.seq, "hash": head.hash, "seal": head.seal}
    if settings.as_json:
        print_json(found)
    else:
        say(found["head"])


def _unreadable(error: OSError) -> CommandError:
    return CommandError(f"the ledger {error.filename} cannot be read: {error.strerror}.")


def _elsewhere(settings: Settings) -> bool:
    return settings.admin is not None


def _print(settings: Settings, entries: list[dict[str, Any]]) -> None:
    if settings.as_json:
        print_json(entries)
        return
    rows = [
        (
            one["seq"],
            one["time"],
            one["actor"],
            one["action"],
            one["feature"] or "everything",
            _change(one),
            one["reason"],
        )
        for one in entries
    ]
    table(("no", "time", "who", "what", "feature", "change", "why"), rows, nothing="Nothing was changed yet.")


def _change(entry: dict[str, Any]) -> str:
    return f"{entry['old']} -> {entry['new']}"
