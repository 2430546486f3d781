"""nginx as the proxy in front, with the configuration that we ship; or the reason why there is none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.support.ports import free_port
from tests.support.spawn import ROOT, Spawner, port_open

MISSING = (
    "no nginx on this machine: install the package 'nginx-light' (make test does where it may use apt-get)"
)
SHIPPED = ROOT / "deploy" / "nginx" / "banyan.conf"
_AROUND = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/banyan.conf;
}}
"""


def find_nginx() -> Path | None:
    """The program; Debian keeps it where an ordinary user's search path does not lead."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def start_nginx(spawn: Spawner, folder: Path, traffic: Path, certificate: tuple[Path, Path]) -> int:
    """Serve what we ship, with this machine's paths and a free port; the port."""
    port = free_port()
    shipped = SHIPPED.read_text()
    for written, here in (
        (r"listen 443 ", f"listen 127.0.0.1:{port} "),
        (r"unix:/run/banyan/traffic\.sock;\n    keep", f"unix:{traffic};\n    keep"),
        (r"ssl_certificate     .*;", f"ssl_certificate {certificate[0]};"),
        (r"ssl_certificate_key .*;", f"ssl_certificate_key {certificate[1]};"),
    ):
        shipped, count = re.subn(written, here, shipped)
        assert count == 1, f"{SHIPPED.name} has {count} times {written}"
    (folder / "banyan.conf").write_text(shipped)
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder))
    command = [str(find_nginx()), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    spawn(command, ready=port_open(port), name="nginx")
    return port
