"""Putting the parts together for the one process of a machine that asks Unleash. It must not know
configuration files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from flags.errors import SourceUnwritable
from flags.providers.unleash.admin import UnleashAdmin
from flags.providers.unleash.fetching import UnleashClient, base_of
from flags.providers.unleash.last_good import kept_in
from flags.providers.unleash.source import UnleashSource
from flags.secret import Secret, SecretMissing

__all__ = ["Opened", "open_unleash"]


class Opened(NamedTuple):
    """What to ask, and what to write to."""

    source: UnleashSource
    admin: UnleashAdmin


def open_unleash(
    dir: Path | str,
    *,
    url: str,
    project: str,
    environment: str,
    token: Secret,
    admin_token: Secret,
    clock: Callable[[], float],
) -> Opened:
    """Nothing is asked yet. `dir`: the state folder. Raises `SourceUnwritable` for a token that a variable
    should give and does not: no later moment of this process will have it.
    """
    for secret in (token, admin_token):
        if secret.variable and not secret.file:
            try:
                secret()
            except SecretMissing as error:
                raise SourceUnwritable(f"Unleash cannot be the source: {error}.") from error
    client = UnleashClient(url, token)
    source = UnleashSource(client, kept_in(dir, base_of(url)), clock)
    return Opened(source, UnleashAdmin(url, project, environment, admin_token))
