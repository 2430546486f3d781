"""Envoy, for two purposes: as the proxy in front, with the configuration that we ship, and on the gateway's
own place between a client and two applications, where the same tests ask it what they ask us."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config import Config, Upstream
from tests.support.ports import LOOPBACK, free_port
from tests.support.spawn import ROOT, Spawned, Spawner, port_open

MISSING = "no Envoy here: pip install --require-hashes -r requirements/bench.lock (make test tries to)"
SHIPPED = ROOT / "deploy" / "envoy" / "banyan.yaml"
_TYPE = "type.googleapis.com/envoy."
_HTTP = _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = _TYPE + "extensions.filters.http.router.v3.Router"
_UPSTREAM = _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions"
_CASE = _TYPE + "extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
_SPELLING = {
    "stateful_formatter": {
        "name": "preserve_case",
        "typed_config": {"@type": _CASE, "forward_reason_phrase": True},
    }
}
DIAL = "dial.orders"


def find_envoy() -> Path | None:
    """The program of the wheel, beside this Python, or another on the search path."""
    beside = Path(sys.executable).parent / "envoy"
    found = str(beside) if beside.exists() else shutil.which("envoy")
    return Path(found) if found else None


def version(envoy: Path) -> str:
    """Such as 1.39.3."""
    said = subprocess.run([str(envoy), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"/(\d+\.\d+\.\d+)/", said)
    return found[1] if found else said.strip()


def start_envoy(spawn: Spawner, file: Path, port: int) -> Spawned:
    """Serve by this configuration."""
    command = [str(find_envoy()), "-c", str(file), "--concurrency", "1", "--log-level", "warning"]
    return spawn([*command, "--disable-hot-restart"], ready=port_open(port), name="envoy")


def in_our_place(folder: Path, config: Config) -> tuple[Path, int, int]:
    """Envoy's configuration for what `config` says of the wire; the file, the port and the admin port."""
    port, admin = free_port(), free_port()
    clusters = [
        _cluster("legacy", config.upstreams.legacy),
        _cluster("new", config.upstreams.new),
    ]
    chain = {"filters": [{"name": "http", "typed_config": _manager(config)}]}
    listener = {
        "name": "traffic",
        "address": _address(port),
        "filter_chains": [chain],
        "per_connection_buffer_limit_bytes": 262144,
    }
    runtime = [{"name": "static", "static_layer": {}}, {"name": "admin", "admin_layer": {}}]
    text = {
        "admin": {"address": _address(admin)},
        "static_resources": {"listeners": [listener], "clusters": clusters},
        "layered_runtime": {"layers": runtime},
    }
    file = folder / "envoy.json"
    file.write_text(json.dumps(text, indent=1))
    return file, port, admin


def _manager(config: Config) -> dict[str, Any]:
    listen = config.listen
    hosts = list(listen.hosts) or ["*"]
    return {
        "@type": _HTTP,
        "stat_prefix": "traffic",
        "codec_type": "HTTP1",
        "via": "envoy",
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "max_request_headers_kb": max(1, listen.max_fields_bytes // 1024),
        "request_headers_timeout": _seconds(listen.head_timeout),
        # It has one limit for silence, whoever is silent, and none for a body's rate.
        "stream_idle_timeout": _seconds(min(config.upstreams.legacy.idle_timeout, listen.body_rate_window)),
        "delayed_close_timeout": "0.1s",
        "drain_timeout": "0.1s",
        "common_http_protocol_options": {
            "idle_timeout": _seconds(listen.idle_timeout),
            "max_headers_count": listen.max_fields,
        },
        "http_protocol_options": {
            "accept_http_10": True,
            "default_host_for_http_10": f"{LOOPBACK}",
            "header_key_format": _SPELLING,
        },
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "proxy_status_config": {"literal_proxy_name": "banyan", "remove_details": True},
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": hosts, "routes": list(_routes(config))}],
            "ignore_port_in_host_matching": True,
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }


def _routes(config: Config) -> list[dict[str, Any]]:
    """The feature `orders`, dialled by a runtime key; the rest goes to legacy."""
    share = {"default_value": {"numerator": 0}, "runtime_key": DIAL}
    new = _action("new", config.upstreams.new)
    legacy = _action("legacy", config.upstreams.legacy)
    return [
        {"match": {"prefix": "/orders/", "runtime_fraction": share}, "route": new},
        {"match": {"path": "/orders", "runtime_fraction": share}, "route": new},
        {"match": {"prefix": "/"}, "route": legacy},
    ]


def _action(cluster: str, upstream: Upstream) -> dict[str, Any]:
    return {
        "cluster": cluster,
        "timeout": "0s",
        "idle_timeout": _seconds(min(upstream.timeout, upstream.idle_timeout)),
    }


def _cluster(name: str, upstream: Upstream) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(upstream.port)}}
    options = {
        "@type": _UPSTREAM,
        "common_http_protocol_options": {"idle_timeout": _seconds(upstream.keep_alive)},
        "explicit_http_config": {"http_protocol_options": {"header_key_format": _SPELLING}},
    }
    limit = {"max_connections": upstream.max_connections, "max_pending_requests": upstream.max_waiting}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": _seconds(upstream.connect_timeout),
        "per_connection_buffer_limit_bytes": 262144,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {"thresholds": [limit | {"max_requests": 10_000}]},
        "typed_extension_protocol_options": {_UPSTREAM.removeprefix("type.googleapis.com/"): options},
    }


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _seconds(seconds: float) -> str:
    return f"{seconds:g}s"


def shipped(folder: Path, port: int, traffic: Path, certificate: tuple[Path, Path]) -> Path:
    """What we ship, with this machine's paths and a port of its own."""
    return changed(
        folder / "front.yaml",
        {
            "address: 0.0.0.0, port_value: 443": f"address: {LOOPBACK}, port_value: {port}",
            "/run/banyan/traffic.sock}": f"{traffic}}}",
            "/etc/banyan/tls/fullchain.pem": str(certificate[0]),
            "/etc/banyan/tls/key.pem": str(certificate[1]),
        },
    )


def changed(file: Path, places: Mapping[str, str]) -> Path:
    """The shipped configuration written to `file`, each of these texts replaced where it stands once."""
    text = SHIPPED.read_text()
    for written, here in places.items():
        assert text.count(written) == 1, f"{SHIPPED.name} has {text.count(written)} times {written}"
        text = text.replace(written, here)
    file.write_text(text)
    return file
