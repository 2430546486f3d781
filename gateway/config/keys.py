"""Every key of `banyan.toml`: path, kind, default as one would write it, and what it means. The one place
where a key is made.

The reader, the environment variables, the checks for unknown keys and `docs/configuration.md` are all driven
by this table. `[]` in a path stands for each table of an array. It must not know where a value comes from.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.config.kinds import (
    ADDRESS,
    ANY_TEXT,
    BOOLEAN,
    COOKIE_NAME,
    DOOR,
    FACTOR,
    FEATURE_NAME,
    FILE,
    HEADER_NAME,
    NETWORKS,
    PATH,
    PATTERNS,
    PERCENT,
    RATE,
    REDIS_URL,
    SERVER_NAME,
    SERVER_URL,
    SOCKET_MODE,
    STICKY_KEYS,
    UPSTREAM_URL,
    VARIABLE_NAME,
    Kind,
    choice,
    duration,
    integer,
    size,
)

__all__ = ["KEYS", "REQUIRED", "Key"]


class _Required:
    """The default of a key that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


class Key(NamedTuple):
    """`default` as TOML gives it; REQUIRED when it must be written."""

    path: str
    kind: Kind
    default: Any
    meaning: str


_TIME = duration("1ms", "24h")
_WINDOW = duration("100ms", "1h")
_COUNT = integer(1, 1_000_000)
_LINE = size("256 B", "1 MiB")
_BODY = size("0 B", "1024 GiB")


def _upstream(side: str, who: str) -> list[Key]:
    at = f"upstreams.{side}"
    return [
        Key(
            f"{at}.url",
            UPSTREAM_URL,
            REQUIRED,
            f"Where {who} answers; the only place the gateway ever connects to for it.",
        ),
        Key(f"{at}.connect_timeout", _TIME, "1s", "Longest wait for a connection."),
        Key(f"{at}.timeout", _TIME, "30s", "Longest wait for the first byte of the answer."),
        Key(
            f"{at}.idle_timeout",
            _TIME,
            "60s",
            "Longest silence within an answer; a stream that goes on has no other limit.",
        ),
        Key(
            f"{at}.keep_alive",
            _TIME,
            "1.5s",
            "How long an idle connection is used again; keep it below the upstream's own limit.",
        ),
        Key(
            f"{at}.max_connections",
            _COUNT,
            512,
            "Most connections of one worker; beyond, requests wait.",
        ),
        Key(
            f"{at}.max_waiting",
            integer(0, 1_000_000),
            512,
            "Most requests of one worker that wait for a connection; beyond, 503 at once.",
        ),
        Key(f"{at}.max_body", _BODY, "100 MiB", "Largest request body that is sent on to it; beyond, 413."),
        Key(
            f"{at}.ca_file",
            FILE,
            "",
            "Authorities that may vouch for it, as PEM, in place of the system's. Only with https.",
        ),
        Key(
            f"{at}.server_name",
            SERVER_NAME,
            "",
            "The name that its certificate must have; without one, the host of url. Only with https.",
        ),
        Key(
            f"{at}.verify",
            BOOLEAN,
            True,
            "Whether its certificate is checked; false trusts whoever answers there. Only with https.",
        ),
    ]


KEYS: tuple[Key, ...] = (
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
        _BODY,
        "100 MiB",
        "Largest request body, also when its length is not announced; beyond, 413.",
    ),
    Key("listen.head_timeout", _TIME, "10s", "A request's whole head must be in by then; otherwise 408."),
    Key(
        "listen.body_rate",
        size("0 B", "1 GiB"),
        "1 KiB",
        "Least bytes of a request body in each second; 0 for no limit.",
    ),
    Key("listen.body_rate_window", _WINDOW, "10s", "Time over which body_rate is measured."),
    Key("listen.idle_timeout", _TIME, "60s", "How long a client's connection is kept between two requests."),
    Key(
        "listen.max_connections",
        _COUNT,
        10_000,
        "Most client connections of one worker; beyond, 503 at once.",
    ),
    Key(
        "listen.drain_timeout",
        duration("0s", "24h"),
        "30s",
        "On stopping, how long requests in flight may take to finish.",
    ),
    *_upstream("legacy", "the legacy application"),
    *_upstream("new", "its replacement"),
    Key(
        "state.dir",
        PATH,
        "var",
        "Folder of the state, the ledger and the results; made when absent. On a local disk.",
    ),
    Key(
        "state.redis_url",
        REDIS_URL,
        "",
        "For several machines that share one state. Not there yet: leave it empty.",
    ),
    Key("sticky.keys", STICKY_KEYS, ["cookie:session"], "Where a user's key is found, tried in order."),
    Key("sticky.cookie", COOKIE_NAME, "banyan_key", "The cookie that is minted when none of them is there."),
    Key(
        "flags.source",
        choice("dial", "unleash"),
        "dial",
        "Who says the percentages: the dial of this gateway, or an Unleash server.",
    ),
    Key(
        "flags.unleash.url",
        SERVER_URL,
        "",
        'Address of the Unleash server, with or without `/api`. Only read with source = "unleash".',
    ),
    Key("flags.unleash.token_env", VARIABLE_NAME, "", "Environment variable that holds its backend token."),
    Key("flags.unleash.token_file", FILE, "", "File that holds its backend token."),
    Key(
        "flags.unleash.admin_token_env",
        VARIABLE_NAME,
        "",
        "Environment variable that holds a token for its admin API; without one, dials are moved in Unleash.",
    ),
    Key("flags.unleash.admin_token_file", FILE, "", "File that holds a token for its admin API."),
    Key("flags.unleash.project", ANY_TEXT, "default", "The project in which dials are written."),
    Key(
        "flags.unleash.environment",
        ANY_TEXT,
        "development",
        "The environment in which dials are written; the backend token says which one is read.",
    ),
    Key("flags.unleash.refresh", duration("1s", "1h"), 15, "Time between two fetches."),
    Key(
        "shadow.max_body",
        size("0 B", "1 GiB"),
        "1 MiB",
        "Largest body that is kept for a comparison; beyond, it is cut and so marked.",
    ),
    Key(
        "shadow.max_in_flight",
        _COUNT,
        64,
        "Most sessions at work at once in one shadow process; 100 exchanges for each may wait, "
        "beyond, dropped.",
    ),
    Key(
        "shadow.store",
        choice("sqlite", later={"redis": "results in Redis are not there yet"}),
        "sqlite",
        "Where results are kept.",
    ),
    Key(
        "shadow.rules",
        PATH,
        "shadow-rules.toml",
        "The rules of comparison, for live traffic and goldens alike.",
    ),
    Key(
        "shadow.processes",
        integer(1, 64),
        1,
        "Shadow processes. To compare nothing, set shadow.percent of the features to 0.",
    ),
    Key("shadow.deadline", _TIME, "10s", "Longest time for one shadowed request."),
    Key(
        "shadow.control_twice",
        PERCENT,
        2,
        "Share of the safe exchanges for which legacy is asked a second time, to learn what is noise.",
    ),
    Key(
        "shadow.version_header",
        HEADER_NAME,
        "",
        "Header of the answers that names the application's release, if it sends one.",
    ),
    Key("golden.dir", PATH, "golden/recordings", "Folder of the recordings."),
    Key(
        "feature[].name",
        FEATURE_NAME,
        REQUIRED,
        "The feature's name, in commands, metrics and the hash of the position.",
    ),
    Key(
        "feature[].match",
        PATTERNS,
        [],
        "What belongs to it: an optional method, then a path with {name} and a final *.",
    ),
    Key("feature[].percent", PERCENT, 0, "The first dial; afterwards the live state rules."),
    Key(
        "feature[].fallback",
        choice("off", "safe", "idempotency-key"),
        "safe",
        "When the new side fails: never ask legacy; for safe methods; "
        "also for requests with an idempotency key.",
    ),
    Key("feature[].shadow.percent", PERCENT, 100, "Share of the exchanges that the other side is asked too."),
    Key(
        "feature[].shadow.direction",
        choice("both", "legacy-to-new", "new-to-legacy"),
        "both",
        "Whose answers are compared: legacy's with the new side's, the new side's with legacy's, or both.",
    ),
    Key(
        "feature[].shadow.writes",
        choice("skip", "isolated"),
        "skip",
        "Unsafe requests: not shadowed, or the other side is isolated.",
    ),
    Key(
        "feature[].guard.max_error_rate",
        RATE,
        0.001,
        "Highest share of requests that the new side failed: its 5xx answers, and fallbacks to legacy.",
    ),
    Key(
        "feature[].guard.max_p95", _TIME, "200ms", "Highest 95th percentile of the new side's time to answer."
    ),
    Key(
        "feature[].guard.max_p95_ratio",
        FACTOR,
        1.1,
        "How many times legacy's 95th percentile the new side's may be, once both have min_samples.",
    ),
    Key("feature[].guard.max_mismatch_rate", RATE, 0.001, "Highest share of compared exchanges that differ."),
    Key(
        "feature[].guard.min_samples",
        integer(1, 1_000_000_000),
        500,
        "Fewest samples for a verdict; below, hold.",
    ),
    Key(
        "feature[].breaker.failures",
        integer(1, 1_000_000),
        5,
        "Failures of the new side in a row that open the breaker.",
    ),
    Key("feature[].breaker.open", _TIME, "10s", "How long it stays open before one request is tried."),
)
