"""`banyan shadow`: shadow processes alone, in the foreground."""

from __future__ import annotations

import asyncio

import click
import msgspec

from gateway.cli.failures import CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import say
from gateway.cli.settings import Settings

__all__ = ["shadow"]


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=None,
    help="How many; default: shadow.processes, or one where that is 0.",
)
@shared
@pass_settings
def shadow(settings: Settings, processes: int | None) -> None:
    """Run shadow processes alone, for the gateways that share state.redis_url. SIGTERM hands their work
    over.
    """
    # Imported here: the other commands need none of this.
    from gateway.machine import StartError  # noqa: PLC0415
    from gateway.shadow_machine import ShadowMachine, ShadowReady  # noqa: PLC0415
    from gateway.sinks import configure_logging  # noqa: PLC0415

    config = settings.config()
    configure_logging("shadow-machine")

    def tell(ready: ShadowReady) -> None:
        if settings.as_json:
            say(msgspec.json.encode({"ready": True, **msgspec.structs.asdict(ready)}).decode())
        else:
            say(f"banyan shadow is ready: {ready.processes} processes")

    async def live() -> None:
        await ShadowMachine(config, processes or 0, tell).run()

    try:
        asyncio.run(live())
    except StartError as error:
        raise CommandError(str(error)) from error
