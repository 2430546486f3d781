"""Keys of this machine, each in a file of its own that only its owner may read. It must not know what a key
is for.

A variable `BANYAN_…` holds the key itself in place of the file; with `_FILE` behind its name, it holds the
path of another file. So a key can be kept away from the folder in which it is used.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flags.errors import StateUnwritable
from flags.whole_file import make_private

__all__ = ["SecretFile"]

_SHORTEST: Final = 16


class SecretFile:
    """One key: `variable` in the environment, else the file that `variable`_FILE names, else `path`."""

    def __init__(self, path: Path, variable: str, env: Mapping[str, str] | None = None) -> None:
        env = os.environ if env is None else env
        self._given = env.get(variable, "").strip().encode()
        self._variable = variable
        self._own = path
        elsewhere = env.get(f"{variable}_FILE", "")
        self.path = Path(elsewhere) if elsewhere else path

    def read(self) -> bytes | None:
        """The key; None where there is none yet. Raises `StateUnwritable` for one that is no secret."""
        if self._given:
            return self._checked(self._given, f"The variable {self._variable}")
        try:
            found = self.path.read_bytes().strip()
            rights = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateUnwritable(f"The key {self.path} cannot be read: {error.strerror}.") from error
        if rights & stat.S_IRWXO:
            raise StateUnwritable(
                f"The key {self.path} is open to everybody on this machine (rights {rights:04o}), so it is "
                f"no secret; `chmod o= {self.path}`, or remove it, and the next start makes another."
            )
        return self._checked(found, f"The key {self.path}")

    def ensure(self) -> bytes:
        """The key, made with the rights 0600 where there is none. Two that do so at once agree on one. Raises
        `StateUnwritable`.
        """
        found = self.read()
        if found is None:
            if self.path != self._own:
                raise StateUnwritable(f"There is no key {self.path}, which {self._variable}_FILE names.")
            self._make()
            found = self.read()
        if found is None:
            raise StateUnwritable(f"The key {self.path} was taken away while it was made.")
        return found

    def _checked(self, found: bytes, what: str) -> bytes:
        if len(found) < _SHORTEST:
            raise StateUnwritable(f"{what} is no key: at least {_SHORTEST} characters are expected.")
        return found

    def _make(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            make_private(self.path, secrets.token_hex(32).encode() + b"\n")
        except OSError as error:
            raise StateUnwritable(f"The key {self.path} cannot be written: {error.strerror}.") from error
