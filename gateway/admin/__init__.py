"""The operators' door: HTTP over the control desk. Never imported by the request path, and never imports it.

In the order a request meets them:

- `gate`      the host and origin a request may come with, and how large it may be
- `access`    bearer token, principal, role
- `attempts`  how often wrong tokens were tried
- `tokens`    the files in which tokens are kept; `granting` the routes of tokens
- `asking`    routes that change nothing; `changing` those that do; `open` those without a token
- `reasons`   why and who, which come with every change
- `planning`  the routes of plans and of the freeze
- `findings`  the routes of what comparing found
- `answering` how answers are written, and how OpenAPI describes them; `problems` every error as problem+json
- `dashboard` one page for the browser
- `app`       all of it as one application
"""

from gateway.admin.app import create_app
from gateway.admin.tokens import (
    Principal,
    Role,
    TokenBook,
    TokensUnreadable,
    ensure_admin_token,
)

__all__ = [
    "Principal",
    "Role",
    "TokenBook",
    "TokensUnreadable",
    "create_app",
    "ensure_admin_token",
]
