"""A local server that speaks the part of Gemini's interface which the client uses; scripted per key."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FakeGemini:
    """`status` by key (200 when unnamed); `pieces` is what it says; `asked` is what it was asked.

    To what `hesitates` says, a message, it gives the first piece and no more until `goes_on`; `deserted` is
    set when whoever asked does not wait for that.
    """

    url: str = ""
    status: dict[str, int] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=lambda: ["こんにちは、", "お元気", "ですか？"])
    hesitates: str = ""
    goes_on: threading.Event = field(default_factory=threading.Event)
    deserted: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    breaks_after: int | None = None

    def keys(self) -> list[str]:
        return [str(question["key"]) for question in self.asked]


@contextmanager
def fake_gemini() -> Iterator[FakeGemini]:
    fake = FakeGemini()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers["x-goog-api-key"]
            fake.asked.append({"key": key, "path": self.path, "body": body})
            status = fake.status.get(key, 200)
            if status == 200:
                self._say(bool(fake.hesitates) and fake.hesitates in json.dumps(body, ensure_ascii=False))
            else:
                self._refuse(status)

        def _refuse(self, status: int) -> None:
            text = json.dumps({"error": {"code": status, "message": "no", "status": "REFUSED"}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _say(self, hesitates: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for n, piece in enumerate(fake.pieces):
                if n == fake.breaks_after:
                    refusal = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}
                    self.wfile.write(b"data: " + json.dumps(refusal).encode() + b"\r\n\r\n")
                    return
                part = {"candidates": [{"content": {"role": "model", "parts": [{"text": piece}]}}]}
                self.wfile.write(b"data: " + json.dumps(part).encode() + b"\r\n\r\n")
                self.wfile.flush()
                if hesitates and n == 0:
                    while not fake.goes_on.wait(0.02):
                        if select.select([self.connection], [], [], 0)[0]:  # nothing but its end can come
                            fake.deserted.set()
                            return

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
