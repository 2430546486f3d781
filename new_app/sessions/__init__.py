"""Sessions: who is talking, and what was said so far.

`store` is the seam (a Protocol of five methods), `files` and `redis` are its two implementations,
`layer` loads and saves around a request, `session` is what a route holds in its hands, `csrf` guards the
routes that change it.
"""

from new_app.sessions.session import Session
from new_app.sessions.store import SessionStore, StoreUnavailableError

__all__ = ["Session", "SessionStore", "StoreUnavailableError"]
