"""Where a token or a password is: never in the configuration file. It must not know what it is for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Secret", "SecretMissing"]


class SecretMissing(Exception):
    """There is none; `str()` says where it was expected, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A variable of the environment, else a file, which is read each time, so that it can be replaced. `key`:
    of the configuration, without `_env` or `_file`, for the sentence that says it is missing.
    """

    key: str
    variable: str
    file: str

    @property
    def configured(self) -> bool:
        """Whether the configuration says where it is."""
        return bool(self.variable or self.file)

    def __call__(self) -> str:
        """The secret itself. Raises `SecretMissing`."""
        if found := os.environ.get(self.variable, "").strip() if self.variable else "":
            return found
        what = self.key.rpartition(".")[2].rpartition("_")[2]
        if not self.file:
            place = f"the variable {self.variable} is not set" if self.variable else "none is configured"
            raise SecretMissing(f"{self.key}_env or {self.key}_file must give its {what} ({place})")
        try:
            return Path(self.file).read_text(encoding="ascii").strip()
        except OSError as error:
            raise SecretMissing(f"its {what} in {self.file} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise SecretMissing(f"{self.file} holds no {what}") from None
