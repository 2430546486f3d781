"""Where sessions lie: Flask-Session over files or Redis, signed, under one key prefix.

| `SESSION_TYPE` | store                                                       | value                  |
|----------------|-------------------------------------------------------------|------------------------|
| `filesystem`   | `SESSION_DIR/sessions/<md5 of prefix + id>`, without a limit | 4 bytes expiry, pickle |
| `redis`        | key prefix + id, with a time to live                        | msgpack                |
"""

import hashlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from cachelib.file import FileSystemCache
from flask import Flask
from flask_session import Session
from redis import Redis

from . import shadow_mode
from .settings import Settings

KEY_PREFIX: Final = "workplace_roleplay:"
REDIS_TIMEOUT: Final = 2.0


@dataclass(frozen=True, slots=True)
class SessionStore:
    """What the rest of the application may ask of the store in use."""

    kind: str
    is_up: Callable[[], bool]
    count: Callable[[], int]


def install(app: Flask, settings: Settings) -> SessionStore:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="session",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_KEY_PREFIX=KEY_PREFIX,
        SESSION_USE_SIGNER=True,
        # Written only when changed: otherwise a page's idle requests, still holding the session
        # as it was, would overwrite the message that was said meanwhile.
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    with warnings.catch_warnings():
        # Signed ids are what the clients of this application have in their cookies.
        warnings.filterwarnings("ignore", message="The 'use_signer' option", module="flask_session")
        use = _use_redis if settings.session_type == "redis" else _use_files
        return use(app, settings)


def _use_files(app: Flask, settings: Settings) -> SessionStore:
    folder = settings.session_dir / "sessions"
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=_files(str(folder)))
    Session(app)
    scratch = _files(str(settings.session_dir / "shadow"))
    shadow_mode.install(app, shadow_mode.scratch_files(app, scratch))
    return SessionStore(
        kind="filesystem",
        is_up=lambda: os.access(folder, os.R_OK | os.W_OK),
        count=lambda: sum(file.suffix != ".__wz_cache" for file in folder.iterdir()),
    )


def _files(folder: str) -> FileSystemCache:
    # No threshold: the default of 500 throws away the sessions of people who are still talking.
    # The hash is named because the library has changed its own, which would lose every session.
    name_hash = partial(hashlib.md5, usedforsecurity=False)
    return FileSystemCache(folder, threshold=0, hash_method=name_hash)


def _use_redis(app: Flask, settings: Settings) -> SessionStore:
    client = Redis.from_url(
        settings.redis_url,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
    )
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client)
    Session(app)
    shadow_mode.install(app, shadow_mode.scratch_redis(app, client, KEY_PREFIX))
    return SessionStore(
        kind="redis",
        is_up=lambda: bool(client.ping()),
        count=lambda: sum(1 for _ in client.scan_iter(match=f"{KEY_PREFIX}*", count=1000)),
    )
