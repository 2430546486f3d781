"""Where the gateway is found and with which token; reads the configuration and the notes a running
gateway leaves.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gateway.cli.failures import CommandError, config_failure
from gateway.runtime_note import read_runtime

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["Settings", "checked_url"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,4096}=*")  # RFC 6750 section 2.1
_EXPECTED: Final = (
    "expected one line of letters, digits and -._~+/, such as the gateway writes into admin-token"
)


@dataclass
class Settings:
    """The global options of one call. Filled in by click, before or after the command's name."""

    config_path: str = "banyan.toml"
    admin: str | None = None
    token_file: str | None = None
    as_json: bool = False

    def config(self) -> Config:
        """The configuration. Raises `CommandError` with every problem in it."""
        from gateway.config import ConfigError, load_config  # noqa: PLC0415 -- much, and rarely needed

        try:
            return load_config(self.config_path, os.environ)
        except ConfigError as error:
            raise config_failure(error) from error

    def state_dir(self) -> Path:
        """The state folder, which is all that is looked for in the configuration: a rollback must not wait
        for a typo in the rest.
        """
        path = Path(self.config_path).absolute()
        named = os.environ.get("BANYAN_STATE__DIR")
        try:
            named = named or tomllib.loads(path.read_text(encoding="utf-8-sig"))["state"]["dir"]
        except (OSError, ValueError, KeyError, TypeError):
            named = named or "var"
        return Path(os.path.normpath(path.parent / str(named)))

    def admin_url(self) -> str:
        """`--admin`, else BANYAN_ADMIN, else what the running gateway noted, else what the configuration
        says.
        """
        named = self.admin or checked_url(os.environ.get("BANYAN_ADMIN", ""), "BANYAN_ADMIN")
        if named:
            return named
        note = read_runtime(self.state_dir())
        return note.admin if note else f"http://{self.config().listen.admin}"

    def is_here(self, url: str) -> bool:
        """Whether the admin port at `url` is that of the gateway on this state folder."""
        if not self.admin and not os.environ.get("BANYAN_ADMIN"):
            return True
        note = read_runtime(self.state_dir())
        return note is not None and note.admin == url

    def token(self) -> str:
        """`--token-file`, else BANYAN_TOKEN, BANYAN_TOKEN_FILE, else the state folder's admin token."""
        if not self.token_file and os.environ.get("BANYAN_TOKEN"):
            return _checked_token(os.environ["BANYAN_TOKEN"], "BANYAN_TOKEN holds no token")
        path = Path(
            self.token_file or os.environ.get("BANYAN_TOKEN_FILE") or self.state_dir() / "admin-token"
        )
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise CommandError(f"the token file {path} cannot be read: {error.strerror}.") from error
        return _checked_token(text, f"the file {path} holds no token")


def checked_url(value: str, name: str) -> str:
    """The address of an admin port, "" for none. Raises `CommandError` that names where it came from."""
    try:
        found = urlsplit(value)
        good = found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:
        good = False
    if value and not good:
        raise CommandError(f"{name}: expected an address such as http://127.0.0.1:8081, not {value!r}.")
    return value.rstrip("/")


def _checked_token(text: str, trouble: str) -> str:
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        # Never shown, whatever it is: it may be the right secret with a stray line, or another one.
        raise CommandError(f"{trouble}; {_EXPECTED}.")
    return token
