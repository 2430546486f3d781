"""The keys of `[upstreams.legacy]` and `[upstreams.new]`: the two applications."""

from __future__ import annotations

from gateway.config.key import BODY, COUNT, REQUIRED, TIME, Key
from gateway.config.kinds import BOOLEAN, FILE, SERVER_NAME, integer
from gateway.config.places import UPSTREAM_URL

__all__ = ["UPSTREAMS"]


def _upstream(side: str, who: str) -> tuple[Key, ...]:
    at = f"upstreams.{side}"
    return (
        Key(
            f"{at}.url",
            UPSTREAM_URL,
            REQUIRED,
            f"Where {who} answers; the only place the gateway ever connects to for it.",
        ),
        Key(f"{at}.connect_timeout", TIME, "1s", "Longest wait for a connection."),
        Key(f"{at}.timeout", TIME, "30s", "Longest wait for the first byte of the answer."),
        Key(
            f"{at}.idle_timeout",
            TIME,
            "60s",
            "Longest silence within an answer; a stream that goes on has no other limit.",
        ),
        Key(
            f"{at}.event_idle_timeout",
            TIME,
            "5m",
            "The same within a stream of server-sent events, which may have nothing to say for a while.",
        ),
        Key(
            f"{at}.keep_alive",
            TIME,
            "1.5s",
            "How long an idle connection is used again; keep it below the upstream's own limit.",
        ),
        Key(
            f"{at}.max_connections",
            COUNT,
            512,
            "Most connections of one worker; beyond, requests wait.",
        ),
        Key(
            f"{at}.max_waiting",
            integer(0, 1_000_000),
            512,
            "Most requests of one worker that wait for a connection; beyond, 503 at once.",
        ),
        Key(
            f"{at}.max_connects",
            COUNT,
            500,
            "Most connections that one worker opens in a second, evenly spread; beyond, requests wait. So a "
            "rollback under load does not knock it over.",
        ),
        Key(f"{at}.max_body", BODY, "100 MiB", "Largest request body that is sent on to it; beyond, 413."),
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
    )


UPSTREAMS = (
    *_upstream("legacy", "the legacy application"),
    *_upstream("new", "its replacement"),
)
