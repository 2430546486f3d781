"""A small shop with sessions, tokens and created ids of its own making, twice: one is the other's other side.

Nothing that it makes up is alike on both: cookies, tokens and the ids of orders. ``python -m
bench.shadow.twins PORT`` serves one of them.
"""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any

import uvicorn

from shadow.asgi import ShadowMode
from shadow.scratch import Scratch

SESSIONS: Scratch[dict[str, Any]] = Scratch({})
PAGE = '<html><form><input type="hidden" name="csrf" value="{csrf}"><p>{orders} orders</p></form></html>'


async def shop(scope: Any, receive: Any, send: Any) -> None:
    """One request."""
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
    message: dict[str, Any] = {"more_body": True}
    body = b""
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    sid, extra = cookies.get("sid", ""), []
    if sid not in SESSIONS:
        sid = secrets.token_hex(16)
        extra.append((b"set-cookie", f"sid={sid}; Path=/; HttpOnly".encode()))
    session = SESSIONS.get(sid) or {"csrf": secrets.token_hex(16), "orders": []}
    status, kind, answer = act(scope["method"], scope["path"], body, headers, session)
    SESSIONS[sid] = session
    start = [(b"content-type", kind), (b"content-length", str(len(answer)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": answer})


def act(
    method: str, path: str, body: bytes, headers: dict[str, str], session: dict[str, Any]
) -> tuple[int, bytes, bytes]:
    """The answer to one request, and what becomes of the session."""
    orders = session["orders"]
    if path == "/token":
        return told(200, {"csrf": session["csrf"]})
    if path == "/page":
        return 200, b"text/html", PAGE.format(csrf=session["csrf"], orders=len(orders)).encode()
    if method == "POST":
        if headers.get("x-csrf") != session["csrf"]:
            return told(403, {"error": "the token is not this session's"})
        order = {"id": secrets.randbelow(10**8), "item": json.loads(body)["item"], "number": len(orders)}
        del orders[:-20]
        orders.append(order)
        return told(201, order)
    if path == "/orders":
        return told(200, {"orders": orders, "newest": orders[-1]["id"] if orders else None})
    wanted = path.rpartition("/")[2]
    found = next((order for order in orders if str(order["id"]) == wanted), None)
    return told(200, found) if found else told(404, {"error": "no such order"})


def told(status: int, value: Any) -> tuple[int, bytes, bytes]:
    """An answer of JSON."""
    return status, b"application/json", json.dumps(value).encode()


if __name__ == "__main__":
    uvicorn.run(ShadowMode(shop, SESSIONS), host="127.0.0.1", port=int(sys.argv[1]), log_config=None)
