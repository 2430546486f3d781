"""The keys of `[shadow]` and `[golden]`: what is compared, and what is recorded."""

from __future__ import annotations

from gateway.config.key import COUNT, TIME, Key
from gateway.config.kinds import (
    FILE,
    HEADER_NAME,
    PATH,
    PERCENT,
    VARIABLE_NAME,
    choice,
    duration,
    integer,
    size,
)

__all__ = ["SHADOW"]

SHADOW = (
    Key(
        "shadow.max_body",
        size("1 KiB", "1 GiB"),
        "1 MiB",
        "Largest body that is kept for a comparison; beyond, it is cut and so marked.",
    ),
    Key(
        "shadow.max_in_flight",
        COUNT,
        64,
        "Most sessions at work at once in one shadow process; 100 exchanges for each may wait, "
        "beyond, dropped.",
    ),
    Key(
        "shadow.store",
        choice("sqlite", "redis"),
        "sqlite",
        "Where results are kept: a file of each machine, or the Redis of state.redis_url, for all machines.",
    ),
    Key(
        "shadow.rules",
        PATH,
        "shadow-rules.toml",
        "The rules of comparison, for live traffic and goldens alike.",
    ),
    Key(
        "shadow.processes",
        integer(0, 64),
        1,
        "Shadow processes. To compare nothing, set shadow.percent of the features to 0. 0 only with "
        "state.redis_url: then other machines do the work (`banyan shadow`).",
    ),
    Key(
        "shadow.shards",
        integer(1, 1024),
        32,
        "With state.redis_url: streams that the sessions are spread over, the same number on all machines; "
        "no more shadow processes than these have work.",
    ),
    Key(
        "shadow.stream_max_bytes",
        size("1 MiB", "64 GiB"),
        "256 MiB",
        "Most that may wait in all streams together; beyond, exchanges are dropped and counted.",
    ),
    Key(
        "shadow.stream_ttl",
        duration("1s", "24h"),
        "10m",
        "Longest time that an exchange may wait in Redis; beyond, it is dropped and counted.",
    ),
    Key(
        "shadow.stream_key_env",
        VARIABLE_NAME,
        "",
        "Environment variable that holds the secret (at least 32 characters, the same on all machines) by "
        "which exchanges are encrypted in Redis; without one they lie there as they are.",
    ),
    Key("shadow.stream_key_file", FILE, "", "File that holds that secret."),
    Key("shadow.deadline", TIME, "10s", "Longest time for one shadowed request."),
    Key(
        "shadow.control_twice",
        PERCENT,
        2,
        "Share of the safe exchanges for which legacy is asked a second time, to learn what is noise: a real "
        "request with the user's cookies, so 0 where a read changes something.",
    ),
    Key(
        "shadow.version_header",
        HEADER_NAME,
        "",
        "Header of the answers that names the application's release, if it sends one.",
    ),
    Key("golden.dir", PATH, "golden/recordings", "Folder of the recordings."),
)
