"""No proxy at all: the upper bound of the rig. And the upstreams, which every row shares."""

from __future__ import annotations

import json
from pathlib import Path

from bench.peers.model import Peer

# 1 KB as an application answers it: nested, a few types, no character that a quoted nginx string cannot hold.
BODY = json.dumps(
    {
        "id": 4711,
        "status": "open",
        "total": 129.5,
        "items": [{"id": i, "name": f"article number {i}", "count": i % 3, "price": 9.75} for i in range(16)],
    }
)

CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/upstream.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/upstream-body;
    proxy_temp_path {folder}/upstream-proxy;
    fastcgi_temp_path {folder}/upstream-fastcgi;
    uwsgi_temp_path {folder}/upstream-uwsgi;
    scgi_temp_path {folder}/upstream-scgi;
    server {{
        listen 127.0.0.1:{legacy} backlog=4096;
        listen 127.0.0.1:{new} backlog=4096;
        location / {{ default_type application/json; return 200 '{body}'; }}
    }}
}}
"""


def upstreams(nginx: Path, folder: Path, legacy: int, new: int) -> list[str | Path]:
    """The command that serves both sides from one nginx."""
    file = folder / "upstream.conf"
    file.write_text(CONFIGURATION.format(folder=folder, legacy=legacy, new=new, body=BODY))
    return [nginx, "-e", "stderr", "-c", file]


DIRECT = (Peer("no proxy", "nginx", None),)
