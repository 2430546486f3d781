"""Puts the application together: the only module that names the stores, the partners and the layers.

A request passes the layers in the order of `_layers`, from the outside in; each is independent of the others
but for what its own docstring says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from new_app import errors
from new_app.errors import LastResort
from new_app.faults import FaultLayer, Faults
from new_app.metrics import Metrics, MetricsLayer
from new_app.partner import Partner
from new_app.partner.fallback import WithFallback
from new_app.partner.offline import OfflinePartner
from new_app.routes import about, chat, history, pages, scenario, streams, watch
from new_app.routes.given import Services
from new_app.sessions import SessionStore
from new_app.sessions.files import FileStore
from new_app.sessions.layer import SHADOW_COOKIE, USER_COOKIE, SessionLayer, Space, Spaces
from new_app.settings import Settings, SettingsError
from new_app.shadow_mode import ShadowMode
from new_app.version_header import VersionLayer

PREFIX = "wr2:"
SCRATCH = "shadow:"

Closer = Callable[[], Awaitable[None]]


def create_app(settings: Settings) -> FastAPI:
    users, scratch, close = _stores(settings)
    spaces = Spaces(
        Space(users, USER_COOKIE, settings.session_lifetime),
        Space(scratch, SHADOW_COOKIE, settings.shadow_lifetime),
    )
    services = Services(settings, users, _partner(settings), Metrics())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await close()

    app = FastAPI(
        title="Workplace Roleplay",
        version=settings.version,
        lifespan=lifespan,
        middleware=_layers(services, spaces),
        redirect_slashes=False,  # the old application knows no second spelling of a path
        openapi_url=None,
    )
    app.state.services = services
    errors.install(app)
    for module in (about, pages, chat, scenario, watch, history, streams):
        app.include_router(module.router)
    return app


def _layers(services: Services, spaces: Spaces) -> list[Middleware]:
    settings = services.settings
    return [
        Middleware(MetricsLayer, metrics=services.metrics),
        Middleware(VersionLayer, version=settings.version),
        Middleware(ShadowMode),
        Middleware(LastResort),
        Middleware(FaultLayer, faults=Faults(settings.faults, settings.faults_file)),
        Middleware(SessionLayer, spaces=spaces),
    ]


def _stores(settings: Settings) -> tuple[SessionStore, SessionStore, Closer]:
    """The users' store, the scratch store, and how to close both."""
    if settings.store == "redis":
        from new_app.sessions.redis import RedisStore, connect  # slow to import, seldom needed

        client = connect(settings.redis_url)
        users = RedisStore(client, PREFIX, settings.session_lifetime)
        return users, RedisStore(client, SCRATCH + PREFIX, settings.shadow_lifetime), client.aclose
    folder = settings.session_dir
    try:
        files = FileStore(folder, settings.session_lifetime)
        return files, FileStore(folder.with_name(f"{folder.name}-shadow"), settings.shadow_lifetime), _nothing
    except OSError as error:
        raise SettingsError(f"NEW_APP_SESSION_DIR={folder} cannot be used: {error.strerror}.") from None


def _partner(settings: Settings) -> Partner:
    offline = OfflinePartner(settings.stream_delay)
    if settings.partner == "gemini":
        from new_app.partner.gemini import GeminiPartner  # slow to import, absent without a key

        gemini = GeminiPartner(settings.gemini_keys, settings.gemini_url, settings.gemini_timeout)
        return WithFallback(gemini, offline) if settings.partner_fallback == "offline" else gemini
    return offline


async def _nothing() -> None:
    """Files need no closing."""
