"""Where the gateway is found and with which token; reads the configuration and the notes a running
gateway leaves.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.failures import CommandError, config_failure
from gateway.config import Config, ConfigError, load_config
from gateway.notes import read_runtime

__all__ = ["Settings"]


@dataclass
class Settings:
    """The global options of one call. Filled in by click, before or after the command's name."""

    config_path: str = "banyan.toml"
    admin: str | None = None
    token_file: str | None = None
    as_json: bool = False

    def config(self) -> Config:
        """The configuration. Raises `CommandError` with every problem in it."""
        try:
            return load_config(self.config_path, os.environ)
        except ConfigError as error:
            raise config_failure(error) from error

    def state_dir(self) -> Path:
        """The state folder, also of a configuration that is otherwise refused: a rollback must not wait
        for a typo.
        """
        try:
            return Path(load_config(self.config_path, os.environ).state.dir)
        except ConfigError:
            return self._state_dir_at_least()

    def admin_url(self) -> str:
        """`--admin`, else BANYAN_ADMIN, else what the running gateway noted, else what the configuration
        says.
        """
        named = self.admin or os.environ.get("BANYAN_ADMIN")
        if named:
            return named.rstrip("/")
        note = read_runtime(self.state_dir())
        return note.admin if note else f"http://{self.config().listen.admin}"

    def token(self) -> str:
        """`--token-file`, else BANYAN_TOKEN, BANYAN_TOKEN_FILE, else the state folder's admin token."""
        if not self.token_file and os.environ.get("BANYAN_TOKEN"):
            return os.environ["BANYAN_TOKEN"]
        path = Path(
            self.token_file or os.environ.get("BANYAN_TOKEN_FILE") or self.state_dir() / "admin-token"
        )
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a token"
            raise CommandError(f"the token file {path} cannot be read: {reason}.") from error

    def _state_dir_at_least(self) -> Path:
        path = Path(self.config_path).absolute()
        named = os.environ.get("BANYAN_STATE__DIR")
        try:
            named = named or tomllib.loads(path.read_text(encoding="utf-8"))["state"]["dir"]
        except (OSError, ValueError, KeyError, TypeError):
            named = named or "var"
        return path.parent / str(named)
