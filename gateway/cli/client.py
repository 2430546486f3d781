"""The admin API as a command asks it: answers as plain values, refusals as one sentence; knows no command."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx

from gateway.cli.failures import NO, UNKNOWN, CommandError
from gateway.cli.settings import Settings

__all__ = ["AdminClient", "NoAnswer", "Refusal", "checked_feature", "feature_path"]

_LIFE: Final = 2.0
_PATIENCE: Final = httpx.Timeout(10.0, connect=_LIFE)
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
    """One short conversation with the control process."""

    def __init__(self, settings: Settings) -> None:
        self.url = settings.admin_url()
        self._settings = settings
        self._http = httpx.Client(timeout=_PATIENCE, trust_env=False)

    def alive(self, seconds: float) -> bool:
        """Whether somebody answers within `seconds`."""
        try:
            return self._http.get(f"{self.url}/healthz", timeout=seconds).status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def ask(self, path: str, **query: Any) -> Any:
        """GET under `/api/v1`; None in the query is left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self._request("GET", path, UNKNOWN, params=asked)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """A question with a body."""
        return self._request("POST", path, UNKNOWN, json=body)

    def change(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """A change; when it cannot be done the answer is no."""
        return self._request(method, path, NO, json=body)

    def _request(self, method: str, path: str, unavailable: int, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._settings.token()}"}
        self._look_for_life()
        try:
            answer = self._http.request(method, f"{self.url}/api/v1{path}", headers=headers, **more)
            value = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswer(
                f"nobody answers at {self.url} ({_cause(error)}); is `banyan run` running?"
            ) from error
        except ValueError as error:
            raise NoAnswer(f"what answers at {self.url} is not the admin API.") from error
        if answer.is_success:
            return value
        detail = value.get("detail") if isinstance(value, dict) else None
        code = NO if answer.status_code in _REFUSED else unavailable if answer.status_code == 503 else UNKNOWN
        raise Refusal(str(detail or f"{self.url} answered {answer.status_code}."), code, answer.status_code)

    def _look_for_life(self) -> None:
        """A control process that hangs is told apart from one that has much to do, and before anything is
        asked of it: the first is known within seconds.
        """
        try:
            self._http.get(f"{self.url}/healthz", timeout=_LIFE)
        except httpx.ReadTimeout as error:
            raise NoAnswer(
                f"the control process at {self.url} does not answer within {_LIFE:g} s. Traffic goes on "
                'without it, and `banyan rollback --reason "…"` works; the gateway\'s log may say more.'
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL):
            return  # the request itself will say what is wrong


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
    return str(error) or type(error).__name__
