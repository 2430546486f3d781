"""No proxy at all: the upper bound of the rig. And the upstreams, which every row shares."""

from __future__ import annotations

import json
from pathlib import Path

from bench.peers.model import Peer

# 1 KB as an application answers it: nested, a few types, no character that a quoted nginx string cannot hold.
_ORDER = {
    "id": 4711,
    "status": "open",
    "total": 129.5,
    "items": [{"id": i, "name": f"article number {i}", "count": i % 3, "price": 9.75} for i in range(16)],
}
BODY = json.dumps(_ORDER)
REWRITTEN = json.dumps(dict(reversed(_ORDER.items())), sort_keys=False, separators=(",", ":")).replace(
    "article", "\\u0061rticle"
)
"""The same value as another framework writes it: other order, other white space, other escapes."""
BODIES = {"100k": 100 * 1024, "10m": 10 * 1024 * 1024}

CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/upstream.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/upstream-body;
    proxy_temp_path {folder}/upstream-proxy;
    fastcgi_temp_path {folder}/upstream-fastcgi;
    uwsgi_temp_path {folder}/upstream-uwsgi;
    scgi_temp_path {folder}/upstream-scgi;
{servers}}}
"""

SERVERS = """\
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    upstream events {{ server 127.0.0.1:{events}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{legacy} backlog=4096;
        location / {{ default_type application/json; return 200 '{body}'; }}
        location /bodies/ {{ root {folder}; sendfile on; }}
        location /stream {{ proxy_pass http://events; }}
    }}
    server {{
        listen 127.0.0.1:{new} backlog=4096;
        location / {{ default_type application/json; return 200 '{body}'; }}
        location /api/rewritten/ {{ default_type application/json; return 200 '{rewritten}'; }}
        location /bodies/ {{ root {folder}; sendfile on; }}
        location /stream {{ proxy_pass http://events; }}
    }}
"""


def upstreams(nginx: Path, folder: Path, legacy: int, new: int, events: int = 9) -> list[str | Path]:
    """The command that serves both sides from one nginx. `events`: where `bench.events` listens."""
    (folder / "bodies").mkdir(exist_ok=True)
    for name, size in BODIES.items():
        (folder / "bodies" / name).write_bytes(b"0123456789abcdef" * (size // 16))
    escaped = REWRITTEN.replace("\\", "\\\\")
    values = {"folder": folder, "legacy": legacy, "new": new, "events": events}
    return serving(nginx, folder, SERVERS.format(**values, body=BODY, rewritten=escaped))


def serving(nginx: Path, folder: Path, servers: str) -> list[str | Path]:
    """The command of an nginx with one process and these servers; ``folder`` holds what it writes."""
    file = folder / "upstream.conf"
    file.write_text(CONFIGURATION.format(folder=folder, servers=servers))
    return [nginx, "-e", "stderr", "-c", file]


DIRECT = (Peer("no proxy", "nginx", None),)
