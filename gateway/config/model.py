"""The configuration as values. It must not know TOML, files or the environment.

Durations are seconds, sizes bytes, percentages hundredths (0…10000), rates fractions (0…1). Every value here
has been checked; folders are absolute. A `Config` goes to the child processes as JSON (`msgspec.json`), so it
holds nothing but data. The defaults are those of `tables`, which a test holds them to.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from flags import PlanStep

__all__ = [
    "Address",
    "Admin",
    "Alerts",
    "Breaker",
    "Config",
    "Explain",
    "Feature",
    "FeatureShadow",
    "Flags",
    "Golden",
    "Guard",
    "Listen",
    "Plan",
    "Shadow",
    "State",
    "Sticky",
    "StickyKey",
    "Unleash",
    "Upstream",
    "Upstreams",
]

MIB = 1 << 20


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all parts of the configuration share: they never change."""


class Address(_Value, frozen=True):
    """Where to listen. `host` without brackets; `port` 0 lets the system choose; `path` of a Unix socket,
    then there is neither."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Listen(_Value, frozen=True):
    """The two doors and the limits on what comes in at the first. `workers` is never 0 here. `body_rate` in
    bytes/second, over `body_rate_window` seconds. With `tls_certificate` TLS is spoken; "" for `tls_key`: the
    key is in the same file."""

    traffic: Address = Address("127.0.0.1", 8080)
    admin: Address = Address("127.0.0.1", 8081)
    workers: int = 1
    socket_mode: str = "0660"
    tls_certificate: str = ""
    tls_key: str = ""
    tls_minimum: Literal["1.2", "1.3"] = "1.2"
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    expose_decision: bool = False
    max_request_line: int = 8 * 1024
    max_field: int = 8 * 1024
    max_fields_bytes: int = 64 * 1024
    max_fields: int = 100
    max_body: int = 100 * MIB
    max_repeated_body: int = MIB
    head_timeout: float = 10.0
    body_rate: int = 1024
    body_rate_window: float = 10.0
    idle_timeout: float = 60.0
    max_connections: int = 10_000
    drain_timeout: float = 30.0

    @property
    def traffic_url(self) -> str:
        """The first door as a URL; that of a Unix socket as it was written."""
        scheme = "https" if self.tls_certificate else "http"
        return str(self.traffic) if self.traffic.path else f"{scheme}://{self.traffic}"


class Upstream(_Value, frozen=True):
    """One side. `timeout`: to the first byte of the answer; `idle_timeout`: between its bytes, for a stream
    of events `event_idle_timeout`; `keep_alive`: how long an idle connection is still used (below the
    upstream's own limit). `ca_file` "": the system's authorities; `server_name` "": the host's."""

    url: str
    host: str
    port: int
    connect_timeout: float = 1.0
    timeout: float = 30.0
    idle_timeout: float = 60.0
    event_idle_timeout: float = 300.0
    keep_alive: float = 1.5
    max_connections: int = 512
    max_waiting: int = 512
    max_connects: int = 500
    max_body: int = 100 * MIB
    ca_file: str = ""
    server_name: str = ""
    verify: bool = True

    @property
    def tls(self) -> bool:
        """Whether TLS is spoken to it."""
        return self.url.startswith("https:")


class Upstreams(_Value, frozen=True):
    """Both sides."""

    legacy: Upstream
    new: Upstream


class State(_Value, frozen=True):
    """Where the state lives; `dir` is absolute. With `redis_url` it is shared, below `redis_prefix`."""

    dir: str
    redis_url: str = ""
    redis_prefix: str = "banyan"
    redis_user: str = ""
    redis_password_env: str = ""
    redis_password_file: str = ""


class Admin(_Value, frozen=True):
    """Who may: above `second_person_above` (hundredths) a raise waits for another person, `approval_time`
    seconds."""

    second_person_above: int = 10_000
    approval_time: float = 3600.0


class Explain(_Value, frozen=True):
    """Which decisions are kept: so many in a second, `keep` seconds, `max` of them."""

    per_second: int = 5
    keep: float = 86_400.0
    max: int = 500_000


class StickyKey(_Value, frozen=True):
    """One place to look for the sticky key."""

    source: Literal["cookie", "header", "claim"]
    name: str


class Sticky(_Value, frozen=True):
    """`keys` are tried in order; `cookie` is minted when none is there."""

    keys: tuple[StickyKey, ...] = (StickyKey("cookie", "session"),)
    cookie: str = "banyan_key"
    session: float = 86_400.0


class ContextProperty(_Value, frozen=True):
    """Where a rule finds the property `property` of its context."""

    property: str
    source: Literal["cookie", "header", "claim"]
    name: str


class Unleash(_Value, frozen=True):
    """A flag server; `refresh` in seconds, the files absolute or ""."""

    url: str = ""
    token_env: str = ""
    token_file: str = ""
    admin_token_env: str = ""
    admin_token_file: str = ""
    project: str = "default"
    environment: str = "development"
    refresh: float = 15.0
    properties: tuple[ContextProperty, ...] = ()


class Flags(_Value, frozen=True):
    """Who says which percentage."""

    source: Literal["dial", "unleash"] = "dial"
    unleash: Unleash = Unleash()


class Alerts(_Value, frozen=True):
    """Who is told what happens. "" for an address: nobody there; files absolute or ""."""

    events: tuple[str, ...] = ("rollback", "restore", "guard", "freeze", "source", "divergence", "ledger")
    webhook_url: str = ""
    webhook_secret_env: str = ""
    webhook_secret_file: str = ""
    slack_url_env: str = ""
    slack_url_file: str = ""
    smtp_server: Address = Address("", 0)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password_env: str = ""
    smtp_password_file: str = ""
    smtp_from: str = ""
    smtp_to: tuple[str, ...] = ()


class Shadow(_Value, frozen=True):
    """The shadow processes; `rules` is an absolute path, which need not exist; `deadline` in seconds;
    `version_header`: the answers' header that names the application's release, "" for none; `control_twice`
    in hundredths of the safe exchanges. Over Redis: `shards` streams of `stream_max_bytes` together, in which
    an exchange waits `stream_ttl` seconds at most, encrypted where there is a key."""

    rules: str
    max_body: int = MIB
    max_in_flight: int = 64
    store: Literal["sqlite", "redis"] = "sqlite"
    processes: int = 1
    shards: int = 32
    stream_max_bytes: int = 256 * MIB
    stream_ttl: float = 600.0
    stream_key_env: str = ""
    stream_key_file: str = ""
    deadline: float = 10.0
    version_header: str = ""
    control_twice: int = 200


class Golden(_Value, frozen=True):
    """Where the recordings are; `dir` is absolute and need not exist."""

    dir: str


class FeatureShadow(_Value, frozen=True):
    """`percent` in hundredths of the exchanges; `direction`: on which side's answers the other one is asked
    too.
    """

    percent: int = 10_000
    direction: Literal["both", "legacy-to-new", "new-to-legacy"] = "both"
    writes: Literal["skip", "isolated"] = "skip"


class Guard(_Value, frozen=True):
    """What must hold before a step and while it lasts. `max_p95` and `window` in seconds."""

    max_error_rate: float = 0.001
    max_p95: float = 0.2
    max_p95_ratio: float = 1.1
    max_mismatch_rate: float = 0.001
    min_samples: int = 500
    on_failure: Literal["rollback", "hold"] = "rollback"
    window: float = 3600.0
    alpha: float = 0.01
    beta: float = 0.05


class Breaker(_Value, frozen=True):
    """After `failures` in a row, or more than `failure_rate` of at least `min_requests` within `window`
    seconds, the feature goes to legacy for `open_seconds`, then is tried again, and comes back within `ramp`
    seconds.
    """

    failures: int = 5
    open_seconds: float = 10.0
    failure_rate: float = 0.5
    min_requests: int = 20
    window: float = 10.0
    ramp: float = 10.0


class Plan(_Value, frozen=True):
    """The steps that a feature climbs; none: it is dialled by hand. `hold` in seconds and `samples` are what
    steps have that do not say otherwise; `steps` have them all. `journey`: the name that features share which
    climb together.
    """

    steps: tuple[PlanStep, ...] = ()
    hold: float = 3600.0
    samples: int = 0
    journey: str = ""


class Feature(_Value, frozen=True):
    """A set of routes that migrates as one. `percent` is the seed of the dial, in hundredths; `match` as in
    `patterns.py`.
    """

    name: str
    match: tuple[str, ...] = ()
    percent: int = 0
    fallback: Literal["off", "safe", "idempotency-key"] = "safe"
    shadow: FeatureShadow = FeatureShadow()
    move: Literal["at-once", "new-sessions"] = "at-once"
    guard: Guard = Guard()
    plan: Plan = Plan()
    breaker: Breaker = Breaker()


class Config(_Value, frozen=True):
    """All of it. `source_path`: the file it was read from, absolute."""

    listen: Listen
    upstreams: Upstreams
    state: State
    admin: Admin
    explain: Explain
    sticky: Sticky
    flags: Flags
    shadow: Shadow
    golden: Golden
    alerts: Alerts
    features: tuple[Feature, ...]
    source_path: str
