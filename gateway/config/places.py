"""The kinds of value that say where something is: addresses, sockets, servers, networks. It must not know
which keys there are.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from gateway.config.kinds import Kind, listing, text
from gateway.config.problems import Refused


def _port(value: str, least: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not least <= int(value) <= 65535:
        raise ValueError
    return int(value)


def _host(value: str) -> str:
    """A name or an address, brackets taken off; ValueError for anything else."""
    if value.startswith("[") and value.endswith("]"):
        return str(ipaddress.IPv6Address(value[1:-1]))
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", value):
        raise ValueError
    return value


def _address(value: object) -> dict[str, Any]:
    try:
        if not isinstance(value, str):
            raise ValueError
        host, _, port = value.rpartition(":")
        return {"host": _host(host), "port": _port(port, 0)}
    except ValueError:
        raise Refused('host:port, such as "127.0.0.1:8080" or "[::1]:8080"') from None


ADDRESS = Kind("address", _address, "as-is")


_LONGEST_SOCKET_PATH = 107  # what the kernel has room for, less the zero byte at its end


def _door(value: object) -> dict[str, Any]:
    """An address, or `unix:` and a path."""
    expected = 'host:port, such as "127.0.0.1:8080", or "unix:/path/to/socket"'
    if isinstance(value, str) and value.startswith("unix:"):
        path = value.removeprefix("unix:")
        if not path or not path.isprintable() or len(path.encode()) > _LONGEST_SOCKET_PATH:
            raise Refused(f"{expected} of at most {_LONGEST_SOCKET_PATH} bytes")
        return {"host": "", "port": 0, "path": path}
    try:
        return _address(value)
    except Refused:
        raise Refused(expected) from None


DOOR = Kind("address", _door, "as-is")


def _mail_server(value: object) -> dict[str, Any]:
    if value == "":
        return {"host": "", "port": 0}
    try:
        found = _address(value)
    except Refused:
        found = {"port": 0}
    if not found["port"]:
        raise Refused('a host and a port, such as "mail.example.org:587", or ""')
    return found


MAIL_SERVER = Kind("address", _mail_server, "as-is")

_USUAL_PORTS = {"http": "80", "https": "443"}


def _upstream(value: object) -> dict[str, Any]:
    expected = 'http://host:port or https://host:port and nothing more, such as "http://127.0.0.1:5001"'
    if not isinstance(value, str):
        raise Refused(expected)
    try:
        found = urlsplit(value)
        if (
            found.scheme not in _USUAL_PORTS
            or found.path not in ("", "/")
            or "?" in value
            or "#" in value
            or "@" in value
        ):
            raise ValueError
        host, colon, port = found.netloc.rpartition(":")
        if not colon or found.netloc.endswith("]"):
            host, port = found.netloc, _USUAL_PORTS[found.scheme]
        parts = {"host": _host(host), "port": _port(port, 1)}
    except ValueError:
        raise Refused(expected) from None
    return {"url": f"{found.scheme}://{found.netloc}", **parts}


UPSTREAM_URL = Kind("URL", _upstream, "as-is")


def _server(value: object) -> str:
    expected = 'the address of a server, such as "https://flags.example.org", without a password, or ""'
    if value == "":
        return ""
    try:
        if not isinstance(value, str) or not value.isprintable() or re.search(r"[?#@\s]", value):
            raise ValueError
        found = urlsplit(value)
        if found.scheme not in ("http", "https") or found.port == 0:
            raise ValueError
        _host(f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname or "")
    except ValueError:
        raise Refused(expected) from None
    return value


SERVER_URL = Kind("URL", _server, "as-is")


def _redis_url(value: object) -> str:
    expected = 'the address of a Redis, such as "redis://10.0.0.5:6379/0", rediss:// or unix://, or ""'
    if value == "":
        return ""
    try:
        if not isinstance(value, str) or not value.isprintable() or re.search(r"[\s#?]", value):
            raise ValueError
        found = urlsplit(value)
        if found.scheme == "unix":
            if not found.path:
                raise ValueError
        elif found.scheme not in ("redis", "rediss") or found.port == 0:
            raise ValueError
        else:
            _host(f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname or "")
            if not re.fullmatch(r"/?\d{0,4}", found.path):
                raise ValueError
    except ValueError:
        raise Refused(expected) from None
    return value


REDIS_URL = Kind("URL", _redis_url, "as-is")
REDIS_PREFIX = text(
    'a beginning for names of keys, such as "banyan" or "shop:banyan"', re.compile(r"[A-Za-z0-9._:{}-]{1,64}")
)


def _network(value: str) -> str:
    return value if value == "unix" else str(ipaddress.ip_network(value))


def _served(value: str) -> str:
    star = "*." if value.startswith("*.") else ""
    name = value.removeprefix(star)
    host = _host(name)
    return f"[{host}]" if name.startswith("[") else f"{star}{host}".lower()


HOSTS = listing(
    'hosts without a port, such as "shop.example.com", "[2001:db8::1]", or "*.example.com" for every name '
    "one label below",
    _served,
)
NETWORKS = listing(
    'networks, such as "10.0.0.0/8" or "127.0.0.1", or "unix" for whoever may open our socket', _network
)
