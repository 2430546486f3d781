"""The keys of `[sticky]` and `[flags]`: how users are told apart, and who says the percentages."""

from __future__ import annotations

from gateway.config.key import Key
from gateway.config.kinds import (
    ANY_TEXT,
    COOKIE_NAME,
    FILE,
    PROPERTIES,
    STICKY_KEYS,
    VARIABLE_NAME,
    choice,
    duration,
)
from gateway.config.places import SERVER_URL

__all__ = ["FLAGS"]

FLAGS = (
    Key("sticky.keys", STICKY_KEYS, ["cookie:session"], "Where a user's key is found, tried in order."),
    Key("sticky.cookie", COOKIE_NAME, "banyan_key", "The cookie that is minted when none of them is there."),
    Key(
        "sticky.session",
        duration("1s", "90d"),
        "24h",
        'How long a session lasts from its first request, for features with move = "new-sessions".',
    ),
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
    Key(
        "flags.unleash.properties",
        PROPERTIES,
        [],
        "What rules see as properties of a request, from where: NAME=header:, cookie: or claim:NAME.",
    ),
    Key("flags.unleash.refresh", duration("1s", "1h"), 15, "Time between two fetches."),
)
