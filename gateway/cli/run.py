"""`banyan run`: the gateway in the foreground."""

from __future__ import annotations

import asyncio

import click
import msgspec

from gateway.cli.failures import CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import say
from gateway.cli.settings import Settings

__all__ = ["run"]


@click.command()
@shared
@pass_settings
def run(settings: Settings) -> None:
    """Run gateway, control and shadow processes together. SIGTERM drains, SIGHUP reads the file again."""
    # Imported here: the other commands need none of this.
    from gateway.courtesy import let_others_interrupt  # noqa: PLC0415
    from gateway.sinks import configure_logging  # noqa: PLC0415
    from gateway.supervisor import Ready, StartError, Supervisor  # noqa: PLC0415

    config = settings.config()
    configure_logging("supervisor")
    let_others_interrupt()

    def tell(ready: Ready) -> None:
        if settings.as_json:
            say(msgspec.json.encode({"ready": True, **msgspec.structs.asdict(ready)}).decode())
        else:
            say(f"banyan is ready: traffic {ready.traffic} admin {ready.admin}")

    async def live() -> None:
        await Supervisor(config, tell).run()

    try:
        asyncio.run(live())
    except StartError as error:
        raise CommandError(str(error)) from error
