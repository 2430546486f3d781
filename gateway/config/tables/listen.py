"""The keys of `[listen]`: the two doors, and what may come in through the one for traffic."""

from __future__ import annotations

from gateway.config.key import BODY, COUNT, TIME, WINDOW, Key
from gateway.config.kinds import BOOLEAN, FILE, SOCKET_MODE, choice, duration, integer, size
from gateway.config.places import ADDRESS, DOOR, HOSTS, NETWORKS

__all__ = ["LISTEN"]

_LINE = size("256 B", "1 MiB")

LISTEN = (
    Key(
        "listen.traffic",
        DOOR,
        "127.0.0.1:8080",
        "Where users' requests come in: host:port, port 0 lets the system choose; or unix:/path.",
    ),
    Key("listen.admin", ADDRESS, "127.0.0.1:8081", "The operators' door; keep it off public networks."),
    Key(
        "listen.workers",
        integer(0, 64),
        0,
        "Worker processes; 0 means one for each processor this process may use.",
    ),
    Key("listen.socket_mode", SOCKET_MODE, "0660", "The rights of the Unix socket, if traffic is one."),
    Key(
        "listen.tls_certificate",
        FILE,
        "",
        "With one, TLS is spoken at the traffic port: the certificate and its chain, as PEM.",
    ),
    Key("listen.tls_key", FILE, "", "Its key, as PEM, without a password; without one, in the same file."),
    Key("listen.tls_minimum", choice("1.2", "1.3"), "1.2", "The oldest version of TLS that is spoken."),
    Key(
        "listen.trusted_proxies",
        NETWORKS,
        [],
        'Networks whose X-Forwarded-* and Forwarded are believed; "unix" for who comes over the Unix socket.',
    ),
    Key(
        "listen.hosts",
        HOSTS,
        [],
        "Hosts that are served, as the public knows them; any other gets 421. Without one, every host is.",
    ),
    Key("listen.expose_decision", BOOLEAN, False, "Tell clients Banyan-Side and Banyan-Cause."),
    Key("listen.max_request_line", _LINE, "8 KiB", "Longest request line; beyond, 414."),
    Key("listen.max_field", _LINE, "8 KiB", "Longest header field; beyond, 431."),
    Key(
        "listen.max_fields_bytes",
        size("1 KiB", "16 MiB"),
        "64 KiB",
        "All header fields together; beyond, 431.",
    ),
    Key("listen.max_fields", integer(1, 10_000), 100, "Most header fields; beyond, 431."),
    Key(
        "listen.max_body",
        BODY,
        "100 MiB",
        "Largest request body, also when its length is not announced; beyond, 413.",
    ),
    Key(
        "listen.max_repeated_body",
        size("0 B", "1 GiB"),
        "1 MiB",
        "Largest request body that is kept for a second attempt (fallback, retry); beyond, there is one.",
    ),
    Key("listen.head_timeout", TIME, "10s", "A request's whole head must be in by then; otherwise 408."),
    Key(
        "listen.body_rate",
        size("0 B", "1 GiB"),
        "1 KiB",
        "Least bytes of a request body in each second; 0 for no limit.",
    ),
    Key("listen.body_rate_window", WINDOW, "10s", "Time over which body_rate is measured."),
    Key("listen.idle_timeout", TIME, "60s", "How long a client's connection is kept between two requests."),
    Key(
        "listen.max_connections",
        COUNT,
        10_000,
        "Most client connections of one worker; beyond, 503 at once.",
    ),
    Key(
        "listen.drain_timeout",
        duration("0s", "24h"),
        "30s",
        "On stopping, how long requests in flight may take to finish.",
    ),
)
