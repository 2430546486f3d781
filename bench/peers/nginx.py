"""nginx: `split_clients` for the split, `mirror` for the copy (whose answer it drops)."""

from __future__ import annotations

from pathlib import Path

from bench.peers.model import Peer, Rig

CONFIGURATION = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    upstream legacy {{ server 127.0.0.1:{legacy}; keepalive 128; keepalive_requests 1000000000; }}
    upstream new {{ server 127.0.0.1:{new}; keepalive 128; keepalive_requests 1000000000; }}
    split_clients $cookie_session $side {{ 10% new; * legacy; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ {mirror} proxy_pass http://$side; }}
        location /stream {{ proxy_buffering off; proxy_pass http://$side; }}
        location = /copy {{ internal; proxy_pass http://new$request_uri; }}
    }}
}}
"""


def start(rig: Rig, mirror: str) -> list[str | Path]:
    """Write the configuration and return the command."""
    file = rig.folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(folder=rig.folder, legacy=rig.legacy, new=rig.new, port=rig.port, mirror=mirror)
    )
    return [rig.tools["nginx"], "-e", "stderr", "-c", file]


NGINX = (
    Peer("nginx", "nginx", lambda rig: start(rig, "")),
    Peer("nginx, mirror", "nginx", lambda rig: start(rig, "mirror /copy;"), "mirror"),
)
