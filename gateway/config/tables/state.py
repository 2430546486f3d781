"""The keys of `[state]`, `[admin]` and `[explain]`: what the gateway keeps, and for whom."""

from __future__ import annotations

from gateway.config.key import Key
from gateway.config.kinds import ANY_TEXT, FILE, PATH, PERCENT, VARIABLE_NAME, duration, integer
from gateway.config.places import REDIS_PREFIX, REDIS_URL

__all__ = ["STATE"]

STATE = (
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
        "A Redis that several machines share: dials and rollbacks hold on all of them. redis://, rediss:// "
        "(TLS) or unix://.",
    ),
    Key(
        "state.redis_prefix",
        REDIS_PREFIX,
        "banyan",
        "What the names of all keys there begin with; one for each group of machines that belong together.",
    ),
    Key("state.redis_user", ANY_TEXT, "", "The user there, if it is not the default one."),
    Key(
        "state.redis_password_env",
        VARIABLE_NAME,
        "",
        "Environment variable that holds the password. Or give the whole address in BANYAN_STATE__REDIS_URL.",
    ),
    Key("state.redis_password_file", FILE, "", "File that holds the password."),
    Key(
        "admin.second_person_above",
        PERCENT,
        100,
        "A dial that is raised above this waits until a second person agrees, with another token; "
        "100 for never. Lowering and rolling back never wait.",
    ),
    Key("admin.approval_time", duration("1s", "168h"), "1h", "How long it waits."),
    Key(
        "explain.per_second",
        integer(0, 10_000),
        5,
        "Decisions that each worker keeps for `banyan explain --request`, in a second on average; 0: none.",
    ),
    Key("explain.keep", duration("1m", "168h"), "24h", "How long they are kept."),
    Key(
        "explain.max", integer(1, 100_000_000), 500_000, "Most that are kept, of all workers; the oldest go."
    ),
)
