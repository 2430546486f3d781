"""HAProxy: the split by a hash of the cookie. It has no copy of a request without a program beside it."""

from __future__ import annotations

from pathlib import Path

from bench.peers.model import Peer, Rig

CONFIGURATION = """\
global
    nbthread 1
    maxconn 8192
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    http-reuse always
frontend traffic
    bind 127.0.0.1:{port} backlog 4096
    use_backend new if {{ req.cook(session),crc32,mod(100) lt 10 }}
    default_backend legacy
backend legacy
    server legacy 127.0.0.1:{legacy} pool-max-conn 128
backend new
    server new 127.0.0.1:{new} pool-max-conn 128
"""


def start(rig: Rig) -> list[str | Path]:
    """Write the configuration and return the command."""
    file = rig.folder / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(port=rig.port, legacy=rig.legacy, new=rig.new))
    return [rig.tools["haproxy"], "-db", "-f", file]


HAPROXY = (Peer("HAProxy", "haproxy", start),)
