"""Every route of the admin API with the least role that it needs, and the page that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

OPEN, VIEWER, OPERATOR, ADMIN = "nobody", "viewer", "operator", "admin"
ROLES = (OPEN, VIEWER, OPERATOR, ADMIN)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Route(NamedTuple):
    """`path` as OpenAPI writes it. `body`: a good one, if any; `fills`: what stands in the path."""

    method: str
    path: str
    role: str
    does: str
    body: dict[str, Any] | None = None
    fills: Mapping[str, str] = MappingProxyType({})


WHY = {"reason": "the matrix"}
FEATURE = {"name": "orders"}
ROUTES = (
    Route("GET", "/healthz", OPEN, "alive"),
    Route("GET", "/readyz", OPEN, "ready"),
    Route("GET", "/metrics", OPEN, "metrics"),
    Route("GET", "/api/v1/status", VIEWER, "every feature and worker"),
    Route("POST", "/api/v1/explain", VIEWER, "which side, and why", {"method": "GET", "path": "/"}),
    Route("GET", "/api/v1/requests/{request}", VIEWER, "why it went there", None, {"request": "none"}),
    Route("GET", "/api/v1/features/{name}/report", VIEWER, "the A/B report", None, FEATURE),
    Route("GET", "/api/v1/ledger", VIEWER, "who changed what"),
    Route("GET", "/api/v1/ledger/verify", VIEWER, "whether anything was altered"),
    Route("GET", "/api/v1/ledger/head", VIEWER, "what to keep elsewhere"),
    Route("GET", "/api/v1/approvals", VIEWER, "dials that wait for a second person"),
    Route("GET", "/api/v1/plans", VIEWER, "how plans stand"),
    Route("GET", "/api/v1/plans/{name}", VIEWER, "how one stands", None, {"name": "none"}),
    Route("GET", "/api/v1/diffs", VIEWER, "what differs"),
    Route("GET", "/api/v1/diffs/noise", VIEWER, "where legacy differs from itself"),
    Route("GET", "/api/v1/diffs/rules", VIEWER, "what rules excuse"),
    Route("GET", "/api/v1/diffs/samples", VIEWER, "stored samples, redacted"),
    Route("GET", "/api/v1/diffs/{signature}", VIEWER, "one sample, redacted", None, {"signature": "none"}),
    Route("PUT", "/api/v1/features/{name}/dial", OPERATOR, "move a dial", {"percent": 0, **WHY}, FEATURE),
    Route("POST", "/api/v1/rollback", OPERATOR, "take everything back", WHY),
    Route("DELETE", "/api/v1/rollback", OPERATOR, "lift that", WHY),
    Route("POST", "/api/v1/features/{name}/rollback", OPERATOR, "take a feature back", WHY, FEATURE),
    Route("DELETE", "/api/v1/features/{name}/rollback", OPERATOR, "lift that", WHY, FEATURE),
    Route("POST", "/api/v1/approvals/{number}", OPERATOR, "agree, as a second person", WHY, {"number": "9"}),
    Route("DELETE", "/api/v1/approvals/{number}", OPERATOR, "decline", WHY, {"number": "9"}),
    Route(
        "POST",
        "/api/v1/plans/{name}/{action}",
        OPERATOR,
        "start, pause, resume, approve, skip, stop a plan",
        WHY,
        {"name": "none", "action": "pause"},
    ),
    Route("POST", "/api/v1/features/{name}/evidence", OPERATOR, "begin its evidence anew", WHY, FEATURE),
    Route("POST", "/api/v1/freeze", OPERATOR, "freeze all raises", WHY),
    Route("DELETE", "/api/v1/freeze", OPERATOR, "let dials be raised", WHY),
    Route("POST", "/api/v1/alerts/test", OPERATOR, "send an alert on every channel", WHY),
    Route("POST", "/api/v1/force", OPERATOR, "a header for a tester", {"side": "new", "seconds": 60, **WHY}),
    Route(
        "PUT",
        "/api/v1/diffs/{signature}/acknowledged",
        OPERATOR,
        "not to be shown for a while",
        {"until": None, **WHY},
        {"signature": "none"},
    ),
    Route("GET", "/api/v1/tokens", ADMIN, "who has a token"),
    Route("POST", "/api/v1/tokens", ADMIN, "another token", {"name": "matrix", "role": "viewer", **WHY}),
    Route("DELETE", "/api/v1/tokens/{name}", ADMIN, "one less", WHY, {"name": "nobody"}),
)
NOT_LISTED = (("GET", "/api/v1/openapi.json", VIEWER), ("GET", "/", OPEN))
"""What the document does not list: itself, and the page for browsers with its two files."""


def render() -> str:
    """docs/access.md."""
    rows = []
    for one in ROUTES:
        marks = ["✓" if ROLES.index(role) >= ROLES.index(one.role) else "" for role in ROLES]
        rows.append(f"| {one.method} | `{one.path}` | {' | '.join(marks)} | {one.does} |")
    return _PAGE.replace("ROWS", "\n".join(rows))


_PAGE = """\
# Who may do what

Written by `python -m tests.access > docs/access.md`. A test asks the admin port of a gateway that runs for
every route of its OpenAPI document with every method, as nobody, with a wrong token, and as each role; it
fails when a route is missing here or answers differently.

| method | path | nobody | viewer | operator | admin | does |
|---|---|---|---|---|---|---|
ROWS

- No token, or one that nobody has: 401. A role that is too low: 403. Another method: 405. The dashboard at
  `/` is a page without data, which asks for a token; `/api/v1/openapi.json` needs the viewer role.
- **Tokens.** `banyan token create ann --role operator --reason "…"` prints one, once;
  `<state.dir>/tokens.json` keeps its SHA-256. `banyan token list` shows names and roles, `banyan token
  revoke ann --reason "…"` ends one with the next request, and so does `--for 90d` at its end. The file may
  also be edited: it is read again when it changes. The machine's own token (`<state.dir>/admin-token`) is
  the admin role; only who may read that file has it. Without the file it opens nothing, until the next start
  makes another.
- **A name on every change.** The ledger names the token, and whoever `--by` names with it ("bob with the
  token of ann"). The machine's own token names nobody, so there `--by` stands alone, unless it says
  `banyan (guard)`, `banyan (plan)` or `machine`, which are no persons.
- **Wrong tokens** are compared in constant time. After ten different ones, or sixty, in a minute from one
  address the answer is 429 with `Retry-After`, and the log says so. A right token is never held up by that:
  what keeps guessers out are its 256 bits.
- **A second person.** With `[admin] second_person_above = 10`, a dial that is raised above 10 % is only
  asked: 202, exit status 1, and `banyan approve` lists it. `banyan approve NUMBER --reason "…"` with
  another token puts it in force, within `approval_time`, and if the dial is still where it was; `--decline`
  ends it. Question and answer stand in the ledger. A plan waits at such a step for `banyan plan approve`
  with another token than the one that has set it going. Lowering, rolling back and lifting a latch ask
  nobody. Who holds two tokens is two persons to the gateway: give out one each, and keep the machine's own
  for emergencies. With another source in charge of the dials, that source decides who may move them there.
- **Host and Origin.** A `Host` that is no address or loopback name of ours is refused (421), and an
  `Origin` other than that host too (403), so that no web page elsewhere can use a browser on this machine.
  Bodies end at 64 KiB.
"""
