"""What a request must look like before anything else is asked of it; knows no route and no token.

A web page elsewhere can make a browser on this machine send requests here. Two checks keep it out: the
Host must be a name of ours (a name that was rebound to this address is not), and an Origin, where there
is one, must be our own.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin.problems import problem

__all__ = ["MAX_BODY", "Gate", "is_own_host"]

MAX_BODY: Final = 64 * 1024
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- compared with, not bound


class Gate:
    """ASGI middleware: refuses foreign hosts, foreign origins and bodies beyond 64 KiB."""

    def __init__(self, app: ASGIApp, listen_host: str) -> None:
        self._app = app
        self._listen_host = listen_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass; answer the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        answer = None
        if not is_own_host(host, self._listen_host):
            answer = problem(421, "This host name is not served here; use the address of the admin port.")
        elif not _own_origin(headers.get(b"origin"), host):
            answer = problem(403, "Requests of other origins are refused.")
        elif not _fits(headers):
            answer = problem(413, f"A body of at most {MAX_BODY} bytes, with its length, is expected.")
        await (answer or self._app)(scope, receive, send)


def is_own_host(host: str, listen_host: str) -> bool:
    """Whether a Host field names this machine: a loopback name or address, or the address listened on.

    When that is every address, any literal address will do: only names can be rebound.
    """
    name = _name(host)
    if name in {"localhost", listen_host.lower()} and name:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or listen_host in _ANY_ADDRESS


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _own_origin(origin: bytes | None, host: str) -> bool:
    return origin is None or origin.decode("latin-1").lower() in {
        f"http://{host.lower()}",
        f"https://{host.lower()}",
    }


def _fits(headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" not in headers and length.isdigit() and int(length) <= MAX_BODY
