"""Who may do what at the operators' door: bearer tokens and their roles; knows files, and no HTTP.

The admin token lies in `<state.dir>/admin-token`, written at the first start, readable by its owner only. The
others are listed in `<state.dir>/tokens.json` by the SHA-256 of each, so that the file itself opens no door:
`{"tokens": [{"name": "grafana", "role": "viewer", "sha256": "…64 hex digits…"}]}`. A token that is made here
has 256 random bits, which no slow hash could make harder to guess. Each file is looked at again whenever it
has changed, and whatever the other one is like: a token that is taken out opens nothing any more, and neither
does the admin token once its file is gone, until the next start makes another.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Final

import msgspec

from flags import NO_PERSON, make_private, replace_private

__all__ = [
    "ADMIN_TOKEN_FILE",
    "TOKENS_FILE",
    "Listed",
    "NoSuchToken",
    "Principal",
    "Role",
    "TokenBook",
    "TokenRefused",
    "TokensUnreadable",
    "ensure_admin_token",
]

ADMIN_TOKEN_FILE: Final = "admin-token"  # noqa: S105 -- a file's name
TOKENS_FILE: Final = "tokens.json"
_SHARED: Final = "admin"
_TAKEN: Final = NO_PERSON | {_SHARED}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LOG = logging.getLogger("banyan.admin")


class Role(IntEnum):
    """Each may do what the ones below it may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


class Principal(msgspec.Struct, frozen=True):
    """Somebody who showed a token that we know. `shared`: it is the machine's own, which names nobody."""

    name: str
    role: Role
    shared: bool = False


class TokensUnreadable(Exception):
    """`tokens.json` is not what it should be, or the admin token cannot be written or read; one sentence."""


class TokenRefused(Exception):
    """A token cannot be made so; `.field` is what is wrong, `str()` what was expected."""

    def __init__(self, field: str, expected: str) -> None:
        self.field = field
        super().__init__(expected)


class NoSuchToken(Exception):
    """Nobody has a token of that name; one sentence."""


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token in the file. Times are ISO 8601; "" for none."""

    name: str
    role: str
    sha256: str
    created: str = ""
    expires: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: tuple[Listed, ...]


class _Known(msgspec.Struct, frozen=True):
    digest: bytes
    principal: Principal
    expires: float


class TokenBook:
    """Knows tokens only by their hash. Looking one up takes the same time whichever it is, or none. `clock`:
    seconds since 1970.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._files = (
            _Source(folder / ADMIN_TOKEN_FILE, _of_the_machine),
            _Source(folder / TOKENS_FILE, _of_the_list),
        )

    @classmethod
    def open(cls, state_dir: Path, clock: Callable[[], float] = time.time) -> TokenBook:
        """Read both files, writing the admin token first where there is none. Raises `TokensUnreadable`."""
        book = cls(state_dir, clock)
        ensure_admin_token(state_dir)
        for file in book._files:
            file.look()
        return book

    def find(self, token: str) -> Principal | None:
        """Who shows `token`; None for nobody that we know."""
        self._look()
        asked = _digest(token)
        now = self._clock()
        found = None
        for known in (known for file in self._files for known in file.known):
            # No early end: how long this takes says nothing about which one was right.
            if hmac.compare_digest(known.digest, asked) and now < known.expires:
                found = known.principal
        return found

    def listed(self) -> tuple[Listed, ...]:
        """The tokens of the file. Raises `TokensUnreadable`."""
        return _rows(self._folder / TOKENS_FILE)

    def create(self, name: str, role: str, seconds: float | None, record: Callable[[], object]) -> str:
        """Another token → the token itself, which is told this once. `record` is called before it opens
        anything; what it raises is raised here, and nothing was made.

        Raises `TokenRefused`, `TokensUnreadable`.
        """
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise TokenRefused(
                "name",
                "1 to 64 letters, digits and ._@-, beginning with one of the first two, not admin or machine",
            )
        if role.upper() not in Role.__members__:
            raise TokenRefused("role", "viewer, operator or admin")
        with self._changing():
            rows = self.listed()
            if name in {row.name for row in rows}:
                raise TokenRefused("name", f"a name of its own: there is a token {name} already")
            token = f"banyan_{secrets.token_urlsafe(32)}"
            now = self._clock()
            expires = _moment(now + seconds) if seconds is not None else ""
            row = Listed(name, role, _digest(token).hex(), _moment(now), expires)
            record()
            self._write((*rows, row))
        return token

    def revoke(self, name: str) -> Listed:
        """From now on it opens nothing. Raises `NoSuchToken`, `TokensUnreadable`."""
        with self._changing():
            rows = self.listed()
            found = next((row for row in rows if row.name == name), None)
            if found is None:
                known = ", ".join(row.name for row in rows) or "none"
                raise NoSuchToken(f"There is no token {name!r}; there are: {known}.")
            self._write(tuple(row for row in rows if row.name != name))
        return found

    def _look(self) -> None:
        """Read again what has changed."""
        for file in self._files:
            try:
                file.look()
            except TokensUnreadable as error:
                _LOG.error("%s The tokens that it gave before go on.", error)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One at a time."""
        try:
            lock = os.open(self._folder / f"{TOKENS_FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TokensUnreadable(f"{self._folder} cannot be written: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, rows: tuple[Listed, ...]) -> None:
        path = self._folder / TOKENS_FILE
        try:
            replace_private(path, msgspec.json.format(msgspec.json.encode(_File(rows))) + b"\n")
        except OSError as error:
            raise TokensUnreadable(f"{path} cannot be written: {error.strerror}.") from error
        self._look()


class _Source:
    """What one file gives. Of one that cannot be used the last good state stays."""

    def __init__(self, path: Path, read: Callable[[Path], tuple[_Known, ...]]) -> None:
        self.known: tuple[_Known, ...] = ()
        self._path = path
        self._read = read
        self._seen: object = self  # like no stamp: it has not been looked at

    def look(self) -> None:
        """Read it again if it has changed. Raises `TokensUnreadable`, once for each change."""
        stamp = _stamp(self._path)
        if stamp != self._seen:
            self._seen = stamp
            self.known = self._read(self._path)


_NEVER: Final = float("inf")


def ensure_admin_token(state_dir: Path) -> str:
    """The admin token; created with mode 0600 when there is none. Two that start at once agree on one."""
    path = state_dir / ADMIN_TOKEN_FILE
    try:
        _create(path, secrets.token_urlsafe(32))
    except OSError as error:
        raise TokensUnreadable(f"The admin token {path} cannot be written or read: {error}.") from error
    return _admin_token(path)


def _admin_token(path: Path) -> str:
    try:
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
    if not path.exists():
        make_private(path, token.encode("ascii") + b"\n")


def _of_the_machine(path: Path) -> tuple[_Known, ...]:
    """The machine's own token; none where the file is gone."""
    try:
        path.lstat()
    except FileNotFoundError:
        _LOG.warning("There is no admin token %s any more; the next start of the gateway makes one.", path)
        return ()
    except OSError as error:
        raise TokensUnreadable(f"The admin token {path} cannot be read: {error.strerror}.") from error
    return (_Known(_digest(_admin_token(path)), Principal(_SHARED, Role.ADMIN, True), _NEVER),)


def _of_the_list(path: Path) -> tuple[_Known, ...]:
    """The tokens that were given to somebody."""
    return tuple(map(_known, _rows(path)))


def _rows(path: Path) -> tuple[Listed, ...]:
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=_File).tokens
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise TokensUnreadable(f"{path} cannot be used: {error}.") from error
    for row in rows:
        try:
            _known(row)
        except KeyError as error:
            raise TokensUnreadable(
                f"{path}: {error} is no role; expected viewer, operator or admin."
            ) from error
        except ValueError as error:
            raise TokensUnreadable(f"{path} cannot be used: {error}.") from error
    return rows


def _known(row: Listed) -> _Known:
    digest = bytes.fromhex(row.sha256)
    if len(digest) != 32:
        raise ValueError(f"the sha256 of {row.name!r} is not 64 hex digits")
    expires = datetime.fromisoformat(row.expires) if row.expires else None
    if expires is not None and expires.tzinfo is None:
        raise ValueError(f"the time at which {row.name!r} expires has no zone")
    end = expires.timestamp() if expires else _NEVER
    return _Known(digest, Principal(row.name, Role[row.role.upper()]), end)


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
