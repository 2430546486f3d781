"""Who may do what at the operators' door: bearer tokens and their roles; knows files, and no HTTP.

The admin token lies in `<state.dir>/admin-token`, written at the first start, readable by its owner only.
More tokens may be listed in `<state.dir>/tokens.json` by the SHA-256 of each, so that the file itself
opens no door: `{"tokens": [{"name": "grafana", "role": "viewer", "sha256": "…64 hex digits…"}]}`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from enum import IntEnum
from pathlib import Path
from typing import Final

import msgspec

__all__ = [
    "ADMIN_TOKEN_FILE",
    "TOKENS_FILE",
    "Principal",
    "Role",
    "TokenBook",
    "TokensUnreadable",
    "ensure_admin_token",
]

ADMIN_TOKEN_FILE: Final = "admin-token"  # noqa: S105 -- a file's name
TOKENS_FILE: Final = "tokens.json"


class Role(IntEnum):
    """Each may do what the ones below it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Principal(msgspec.Struct, frozen=True):
    """Somebody who showed a token that we know."""

    name: str
    role: Role


class TokensUnreadable(Exception):
    """`tokens.json` is not what it should be, or the admin token cannot be written or read; one sentence."""


class _Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    role: str
    sha256: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[_Listed, ...]


class TokenBook:
    """Knows tokens only by their hash. Looking one up takes the same time whichever it is, or none."""

    def __init__(self, known: tuple[tuple[bytes, Principal], ...]) -> None:
        self._known = known

    @classmethod
    def open(cls, state_dir: Path) -> TokenBook:
        """Read both files, writing the admin token first where there is none. Raises `TokensUnreadable`."""
        admin = (_digest(ensure_admin_token(state_dir)), Principal("admin", Role.ADMIN))
        return cls((admin, *_listed(state_dir / TOKENS_FILE)))

    def find(self, token: str) -> Principal | None:
        """Who shows `token`; None for nobody that we know."""
        asked = _digest(token)
        found = None
        for digest, principal in self._known:
            # No early end: how long this takes says nothing about which one was right.
            if hmac.compare_digest(digest, asked):
                found = principal
        return found


def ensure_admin_token(state_dir: Path) -> str:
    """The admin token; created with mode 0600 when there is none. Two that start at once agree on one."""
    path = state_dir / ADMIN_TOKEN_FILE
    try:
        _create(path, secrets.token_urlsafe(32))
        token = path.read_text(encoding="ascii").strip()
        open_to_all = path.stat().st_mode & stat.S_IWOTH
    except (OSError, UnicodeDecodeError) as error:
        raise TokensUnreadable(f"The admin token {path} cannot be written or read: {error}.") from error
    if open_to_all:
        raise TokensUnreadable(
            f"The admin token {path} can be written by everybody on this machine, so anybody may have put it "
            "there; remove the file and start again, which makes a new one."
        )
    if not token:
        raise TokensUnreadable(f"The admin token {path} is empty; remove the file and start again.")
    return token


def _create(path: Path, token: str) -> None:
    # Written aside and linked: the name never shows a token that is only half there, and is never
    # overwritten.
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    if path.exists():
        return
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token + "\n")
        os.link(aside, path)
    except FileExistsError:
        return
    finally:
        aside.unlink(missing_ok=True)


def _listed(path: Path) -> tuple[tuple[bytes, Principal], ...]:
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=_File).tokens
        return tuple((_hash(row), Principal(row.name, Role[row.role.upper()])) for row in listed)
    except FileNotFoundError:
        return ()
    except KeyError as error:
        raise TokensUnreadable(f"{path}: {error} is no role; expected viewer, operator or admin.") from error
    except (OSError, ValueError) as error:
        raise TokensUnreadable(f"{path} cannot be used: {error}.") from error


def _hash(row: _Listed) -> bytes:
    digest = bytes.fromhex(row.sha256)
    if len(digest) != 32:
        raise ValueError(f"the sha256 of {row.name!r} is not 64 hex digits")
    return digest


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
