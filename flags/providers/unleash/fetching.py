"""One question to an Unleash server: is there something new? It must not know what the answer means.

`httpx` rather than Unleash's own client: that one reports a failed fetch as "unchanged", keeps its copy as a
pickle, and brings a scheduler of its own; its evaluation core is used, its way of fetching is not. Nothing is
registered with the server and no metrics are sent to it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, NamedTuple

import httpx

from flags.secret import SecretMissing

__all__ = ["Failed", "Fetched", "Unchanged", "UnleashClient", "authorized", "base_of"]

STEP_LIMIT: Final = 2.0
"""Longest wait for a connection, or between two pieces of the answer."""
WHOLE_LIMIT: Final = 10.0
"""Longest time for all of it: a server that sends a byte now and then is as good as dead."""
LARGEST: Final = 32 << 20
_SPEC: Final = (
    "5.2.0"  # what is understood: segments apart from the features, dependencies, strategy variants
)
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class Fetched(NamedTuple):
    """A whole answer, not looked into yet."""

    body: bytes
    etag: str


class Unchanged(NamedTuple):
    """The server says that what it sent last still holds."""


class Failed(NamedTuple):
    """`reason`: without a full stop, for "Unleash " before it."""

    reason: str


def base_of(url: str) -> str:
    """The server's address without `/api`, which SDKs want and dashboards do not."""
    return url.rstrip("/").removesuffix("/api")


def authorized(token: str) -> dict[str, str]:
    """The field that shows a token. Raises `SecretMissing` for what no field carries, before a library would
    name it in its own error.
    """
    if not _TOKEN.fullmatch(token):
        raise SecretMissing("its token has characters that no token has")
    return {"Authorization": token}


class UnleashClient:
    """`token` is asked for each time, so that a file may be replaced."""

    def __init__(self, url: str, token: Callable[[], str], whole_limit: float = WHOLE_LIMIT) -> None:
        self._address = f"{base_of(url)}/api/client/features"
        self._token = token
        self._whole_limit = whole_limit
        self._http = httpx.AsyncClient(timeout=STEP_LIMIT, follow_redirects=False, trust_env=False)

    async def fetch(self, etag: str) -> Fetched | Unchanged | Failed:
        """Never raises but for a cancellation. `etag`: of what is known, "" for none."""
        try:
            async with asyncio.timeout(self._whole_limit):
                return await self._fetch(etag)
        except TimeoutError:
            return Failed(f"has not finished its answer within {self._whole_limit:g} s")
        except httpx.TimeoutException:
            return Failed(f"does not answer within {STEP_LIMIT:g} s")
        except httpx.HTTPError as error:
            return Failed(f"cannot be reached: {str(error) or type(error).__name__}")
        except SecretMissing as error:
            return Failed(f"cannot be asked: {error}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _fetch(self, etag: str) -> Fetched | Unchanged | Failed:
        headers = {
            **authorized(self._token()),
            "Unleash-Client-Spec": _SPEC,
            "UNLEASH-APPNAME": "banyan",
        }
        if etag:
            headers["If-None-Match"] = etag
        async with self._http.stream("GET", self._address, headers=headers) as answer:
            if answer.status_code == httpx.codes.NOT_MODIFIED and etag:
                return Unchanged()
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                return Failed(f"refuses the token ({answer.status_code})")
            if answer.status_code != httpx.codes.OK:
                return Failed(f"answered {answer.status_code}")
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > LARGEST:
                    return Failed(f"sent more than {LARGEST >> 20} MiB")
            return Fetched(bytes(body), answer.headers.get("etag", ""))
