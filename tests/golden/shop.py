"""A small shop on a free port: sessions, tokens, forms, times and ids that differ at every call."""

import itertools
import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any]
LUCK = ["-".join(pair) for pair in itertools.product(*[["one", "two", "three", "four", "five", "six"]] * 5)]


def _token() -> str:
    """One with a digit in it: of 3,400 tokens one has none, and too few capitals to be told from a name."""
    while not re.search(r"\d", token := secrets.token_urlsafe(24)):
        pass
    return token


class Shop(BaseHTTPRequestHandler):
    """State is in the server object: `sessions` by cookie, `orders`, `faults` that a test switches on."""

    protocol_version = "HTTP/1.1"
    server: "ShopServer"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a request without a body."""
        self._answer()

    do_POST = do_GET  # noqa: N815 - the name is the standard library's

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), self.body))
        self.session_id = SimpleCookie(self.headers.get("cookie", "")).get("sid")
        known = self.session_id.value if self.session_id else ""
        self.fresh = "" if known in self.server.sessions else secrets.token_hex(16)
        self.session = self.server.sessions.setdefault(self.fresh or known, {"cart": []})
        handler = getattr(
            self, "on_" + urlsplit(self.path).path.strip("/").split("/")[0].replace("-", "_"), None
        )
        if handler and "gone" not in self.server.faults:
            handler()
        else:
            self._json(404, {"error": "no such page"})

    def _json(self, status: int, value: Any, **headers: str) -> None:
        body = json.dumps(value, ensure_ascii=False).encode()
        self._send(status, body, "application/json", headers)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str,
        headers: dict[str, str] | Sequence[tuple[str, str]] = (),
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.fresh:
            expires = formatdate(time.time() + 3600, usegmt=True)
            self.send_header("Set-Cookie", f"sid={self.fresh}; HttpOnly; Path=/; Expires={expires}")
        for name, text in headers.items() if isinstance(headers, dict) else headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def on_token(self) -> None:
        """Hand out a CSRF token."""
        self.session["csrf"] = secrets.token_hex(16)
        self._json(200, {"csrf_token": self.session["csrf"], "expires_in": 3600})

    def on_cart(self) -> None:
        """Put something into the cart, or show it."""
        if self.command == "POST":
            if self.headers.get("x-csrf-token") != self.session.get("csrf"):
                self._json(403, {"error": "bad token"})
                return
            self.session["cart"].append(json.loads(self.body))
        value = {
            "items": self.session["cart"],
            "count": len(self.session["cart"]),
            "at": datetime.now(UTC).replace(tzinfo=None).isoformat(),
        }
        for fault in self.server.faults:
            {
                "renamed": lambda: value.update(lines=value.pop("items")),
                "text": lambda: value.update(count=str(value["count"])),
                "zone": lambda: value.update(at=datetime.now(UTC).isoformat()),
                "extra": lambda: value.update(debug=True),
            }.get(fault, lambda: None)()
        self._json(200, value)

    def on_orders(self) -> None:
        """Create an order with a number of its own, or show one by its number."""
        if "dead orders" in self.server.faults:
            self.close_connection = True
            return
        if self.command == "POST":
            self.server.orders += 1
            number = self.server.orders
            self._json(
                201, {"id": number, "ref": str(uuid.uuid4())}, Location=f"{self.server.url}/orders/{number}"
            )
        else:
            self._json(200, {"id": int(self.path.rsplit("/", 1)[1]), "state": "open"})

    def on_uuids(self) -> None:
        """Create something with an identifier of a kind, or show it."""
        made = {"id": str(uuid.uuid4())} if self.command == "POST" else {"state": "open"}
        self._json(201 if self.command == "POST" else 200, made)

    def on_form(self) -> None:
        """A page with a token in a hidden field, and where it is sent."""
        if self.command == "POST":
            sent = parse_qs(self.body.decode())
            right = sent.get("csrf_token") == [self.session.get("form")]
            self._send(302 if right else 400, b"", "text/html", {"Location": "/done"} if right else {})
            return
        self.session["form"] = _token()
        hidden = f'<input type="hidden" name="csrf_token" value="{self.session["form"]}">'
        page = f"<form>{hidden}</form>\n<p>ようこそ</p>"
        self._send(200, page.encode(), "text/html; charset=utf-8")

    def on_login(self) -> None:
        """Say who it is, by everything that was sent."""
        sent = json.loads(self.body)
        self._json(
            200,
            {
                "echo": f"hello {sent['email']}",
                "session_id": self.fresh,
                "api_key": "k-" + sent["password"],
                "said": self.headers.get("authorization", ""),
                "name": sent["password"],
            },
        )

    def on_secret(self) -> None:
        """Only for those who know it."""
        right = json.loads(self.body).get("password") == "opensesame-4711"
        self._json(200 if right else 401, {"ok": right})

    def on_endless(self) -> None:
        """Never come to an end."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.closing:
            self.wfile.write(b"1\r\nx\r\n")
            time.sleep(0.05)

    def on_dice(self) -> None:
        """What no form gives away: a count, a duration, a choice; with a fault, more than values differ."""
        value: dict[str, Any] = {
            "visits": self.server.roll(),
            "took": time.perf_counter() % 1,
            "luck": secrets.choice(LUCK),
        }
        if "shaky" in self.server.faults and value["visits"] % 2:
            value["odd"] = True
        self._json(200, value)

    def on_said(self) -> None:
        """Whatever a test wants it to say."""
        content_type, body, headers = self.server.said
        self._send(200, body.encode() if isinstance(body, str) else body, content_type, headers)

    def on_constant(self) -> None:
        """Always the same."""
        self._json(200, {"names": ["日本", "<b>"], "limit": 1.5})


class ShopServer(ThreadingHTTPServer):
    """The shop and what a test may look at or change."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shop)
        self.sessions: dict[str, dict[str, Any]] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.faults: set[str] = set()
        self.said: tuple[str, str | bytes, tuple[tuple[str, str], ...]] = ("text/plain", "", ())
        self.orders = 0
        self.rolls = 0
        self.closing = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def roll(self) -> int:
        """How often there was a roll."""
        self.rolls += 1
        return self.rolls

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""


@contextmanager
def running_shop() -> Iterator[ShopServer]:
    """A shop that serves until the block ends."""
    server = ShopServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing = True
        server.shutdown()
        server.server_close()
        thread.join()
