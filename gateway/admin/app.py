"""The admin application, put together; knows which parts there are, and nothing of sockets or processes."""

from __future__ import annotations

import time

from fastapi import FastAPI

from gateway.admin import alerting, asking, changing, findings, granting, planning, problems
from gateway.admin import open as open_routes
from gateway.admin.attempts import Attempts
from gateway.admin.deadline import Deadline
from gateway.admin.gate import Gate
from gateway.admin.tokens import TokenBook
from gateway.control import ControlService

__all__ = ["create_app"]


def create_app(desk: ControlService, tokens: TokenBook, listen_host: str) -> FastAPI:
    """The application over one desk. `listen_host`: the address of the admin port, a Host that is ours."""
    app = FastAPI(
        title="Banyan admin API",
        version="1",
        description="Dial, take back, explain, report.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.desk = desk
    app.state.tokens = tokens
    app.state.attempts = Attempts(time.monotonic)
    problems.install(app)
    for part in (open_routes, asking, changing, planning, findings, granting, alerting):
        app.include_router(part.router)
    app.add_middleware(Deadline)
    app.add_middleware(Gate, listen_host=listen_host)
    return app
