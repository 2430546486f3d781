"""Putting the parts together for the one process of a machine that asks Unleash. It must not know
configuration files.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from flags.errors import SourceUnwritable
from flags.providers.unleash.admin import UnleashAdmin
from flags.providers.unleash.fetching import TokenMissing, UnleashClient, base_of
from flags.providers.unleash.last_good import LastGood
from flags.providers.unleash.source import UnleashSource

__all__ = ["Opened", "Secret", "open_unleash"]


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a token is: a variable of the environment, else a file, which is read each time, so that it can
    be replaced. `key`: of the configuration, for the sentence that says it is missing.
    """

    key: str
    variable: str
    file: str

    def __call__(self) -> str:
        """The token. Raises `TokenMissing`."""
        if found := os.environ.get(self.variable, "").strip() if self.variable else "":
            return found
        if not self.file:
            place = f"the variable {self.variable} is not set" if self.variable else "none is configured"
            raise TokenMissing(f"{self.key}_env or {self.key}_file must give its token ({place})")
        try:
            return Path(self.file).read_text(encoding="ascii").strip()
        except OSError as error:
            raise TokenMissing(f"its token in {self.file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise TokenMissing(f"{self.file} holds no token") from None


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
            except TokenMissing as error:
                raise SourceUnwritable(f"Unleash cannot be the source: {error}.") from error
    client = UnleashClient(url, token)
    source = UnleashSource(client, LastGood(dir, base_of(url)), clock)
    return Opened(source, UnleashAdmin(url, project, environment, admin_token))
