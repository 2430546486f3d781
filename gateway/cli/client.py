"""The admin API as a command asks it: answers as plain values, refusals as one sentence; knows no command.

By the standard library's client: a rollback at night does not wait until a larger one is loaded.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from gateway.cli.failures import NO, UNKNOWN, CommandError
from gateway.cli.output import on_one_line
from gateway.cli.settings import Settings

__all__ = ["AdminClient", "NoAnswer", "Refusal", "checked_feature", "feature_path"]

_LIFE: Final = 2.0
_PATIENCE: Final = 10.0
_CHANGES: Final = 120.0
"""Longest wait for a change: one of a journey may be written to another source, dial by dial."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NAMED: Final = "a name has 1 to 64 characters a-z, 0-9, _ and -, and does not begin with _ or -"
_REFUSED: Final = frozenset({403, 409})


class NoAnswer(CommandError):
    """Nobody answered on the admin port, or what did was broken."""


class Refusal(CommandError):
    """The admin port answered, and not with what was asked; `.status` is the HTTP status."""

    def __init__(self, message: str, code: int, status: int) -> None:
        super().__init__(message, code)
        self.status = status


class AdminClient:
    """A few short questions to the control process, each on a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.admin_url()
        self._settings = settings

    def alive(self, seconds: float) -> bool:
        """Whether somebody answers within `seconds`."""
        try:
            return self._send("GET", "/healthz", connect=seconds, wait=seconds)[0] == 200
        except _UNREACHABLE:
            return False

    def ask(self, path: str, **query: Any) -> Any:
        """GET under `/api/v1`; None in the query is left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._request("GET", path, UNKNOWN, asked)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """A question with a body."""
        return self._request("POST", path, UNKNOWN, {}, body)

    def change(
        self, method: str, path: str, body: dict[str, Any], *, patience: float = _CHANGES, **query: Any
    ) -> Any:
        """A change; when it cannot be done the answer is no. `patience`: seconds for the answer."""
        return self._request(method, path, NO, query, body, patience)

    def _request(
        self,
        method: str,
        path: str,
        unavailable: int,
        query: dict[str, Any],
        body: dict[str, Any] | None = None,
        patience: float = _PATIENCE,
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._settings.token()}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, allow_nan=False).encode()
        asked = f"?{urlencode(query)}" if query else ""
        self._look_for_life()
        try:
            status, text = self._send(method, f"/api/v1{path}{asked}", headers, data, wait=patience)
        except _UNREACHABLE as error:
            if unavailable == NO and isinstance(error, _Lost):
                raise NoAnswer(
                    f"{self.url} has not answered ({_cause(error)}); it may be done all the same: `banyan "
                    "status` and `banyan ledger` say so."
                ) from error
            raise NoAnswer(
                f"nobody answers at {self.url} ({_cause(error)}); is `banyan run` running?"
            ) from error
        try:
            value = json.loads(text)
        except ValueError as error:
            raise NoAnswer(f"what answers at {self.url} is not the admin API.") from error
        if 200 <= status < 300:
            return value
        detail = value.get("detail") if isinstance(value, dict) else None
        code = NO if status in _REFUSED else unavailable if status == 503 else UNKNOWN
        raise Refusal(str(detail or f"{self.url} answered {status}."), code, status)

    def _look_for_life(self) -> None:
        """A control process that hangs is told apart from one that has much to do, and before anything is
        asked of it: the first is known within seconds.
        """
        try:
            self._send("GET", "/healthz", wait=_LIFE)
        except _Silence as error:
            raise NoAnswer(
                f"the control process at {self.url} does not answer within {_LIFE:g} s. Traffic goes on "
                'without it, and `banyan rollback --reason "…"` works; the gateway\'s log may say more.'
            ) from error
        except _UNREACHABLE:
            return  # the request itself will say what is wrong

    def _send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        connect: float = _LIFE,
        wait: float = _PATIENCE,
    ) -> tuple[int, bytes]:
        """One request → status and body. `connect` and `wait`: seconds for the connection and for each piece
        of the answer. Raises one of `_UNREACHABLE`.
        """
        where = urlsplit(self.url)
        kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
        with closing(kind(where.hostname or "", where.port, timeout=connect)) as connection:
            connection.connect()
            connection.sock.settimeout(wait)
            try:
                connection.request(method, quote(where.path, safe="/%") + target, body, headers or {})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except TimeoutError as error:
                raise _Silence(f"for {wait:g} s") from error
            except _UNREACHABLE as error:
                raise _Lost(_cause(error)) from error


class _Lost(OSError):
    """Somebody took the connection, and perhaps the question, and has not answered; why."""


class _Silence(_Lost):
    """They say nothing for too long."""


_UNREACHABLE: Final = (OSError, HTTPException, UnicodeError)  # the last: a host name that cannot be one


def feature_path(feature: str, action: str) -> str:
    """The path of a feature's action. Raises `CommandError`, as `checked_feature`."""
    return f"/features/{checked_feature(feature)}/{action}"


def checked_feature(feature: str) -> str:
    """A name that a feature may have. Anything else never gets into an address: `..` there would mean the
    action on everything.
    """
    if not _NAME.fullmatch(feature):
        raise CommandError(f"There is no feature {feature!r}; {_NAMED}.")
    return feature


def _cause(error: Exception) -> str:
    return on_one_line(str(error)).strip() or type(error).__name__
