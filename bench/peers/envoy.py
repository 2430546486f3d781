"""Envoy: weighted clusters, and a request mirror policy for the copy (whose answer it drops)."""

from __future__ import annotations

import json
from pathlib import Path

from bench.peers.model import Peer, Rig

MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def start(rig: Rig, *, mirror: bool) -> list[str | Path]:
    """Write the configuration and return the command."""
    file = rig.folder / "envoy.json"
    file.write_text(json.dumps(configuration(rig, mirror=mirror)))
    return [
        rig.tools["envoy"],
        "-c",
        file,
        "--concurrency",
        "1",
        "--log-level",
        "error",
        "--disable-hot-restart",
    ]


def configuration(rig: Rig, *, mirror: bool) -> dict[str, object]:
    """The static resources: one listener, two clusters, one route."""
    clusters = {"clusters": [{"name": "legacy", "weight": 90}, {"name": "new", "weight": 10}]}
    action: dict[str, object] = {"weighted_clusters": clusters}
    if mirror:
        action["request_mirror_policies"] = [{"cluster": "new"}]
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": action}]}
    manager = {
        "@type": MANAGER,
        "stat_prefix": "traffic",
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "traffic", "address": address(rig.port), "filter_chains": [chain]}
    both = [cluster("legacy", rig.legacy), cluster("new", rig.new)]
    return {"static_resources": {"listeners": [listener], "clusters": both}}


def cluster(name: str, port: int) -> dict[str, object]:
    """One upstream."""
    endpoint = {"endpoint": {"address": address(port)}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}


def address(port: int) -> dict[str, object]:
    """A port on loopback."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


ENVOY = (
    Peer("Envoy", "envoy", lambda rig: start(rig, mirror=False)),
    Peer("Envoy, mirror", "envoy", lambda rig: start(rig, mirror=True), "mirror"),
)
