"""The one way to Redis: a client with short limits that tries nothing twice. It must not know what is kept
there.

The client's own defaults stall a command for most of a minute when packets vanish. Nothing here is on the
path of a request all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError
from redis.retry import Retry as BlockingRetry

from flags import Secret, SecretMissing

if TYPE_CHECKING:
    from gateway.config import State

__all__ = ["STEP_LIMIT", "blocking_redis_link", "redis_link", "redis_secret"]

STEP_LIMIT: Final = 0.5
"""Seconds for a connection, and for each answer."""


class _Credentials(CredentialProvider):
    """The password as it is now: its file may be replaced while we run."""

    def __init__(self, user: str, password: Secret) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Raises `SecretMissing`."""
        return (self._user, self._password()) if self._user else (self._password(),)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The same. Raises `SecretMissing`."""
        return self.get_credentials()


class _PlainCredentials(_Credentials):
    """The same for callers that know the client's errors only."""

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Raises `RedisError`."""
        try:
            return super().get_credentials()
        except SecretMissing as error:
            raise RedisError(str(error)) from error


def redis_secret(state: State) -> Secret:
    """Where the password is, where it is not part of the address."""
    return Secret("state.redis_password", state.redis_password_env, state.redis_password_file)


def redis_link(state: State) -> Redis:
    """A client of `state.redis_url`; nothing is connected yet. Close it with `aclose`."""
    client: Redis = Redis.from_url(
        state.redis_url, retry=Retry(NoBackoff(), 0), **_settings(state, _Credentials)
    )
    return client


def blocking_redis_link(state: State) -> BlockingRedis:
    """The same for a thread of its own. Close it with `close`. A password that is missing is a
    `RedisError`.
    """
    retry = BlockingRetry(NoBackoff(), 0)
    client: BlockingRedis = BlockingRedis.from_url(
        state.redis_url, retry=retry, **_settings(state, _PlainCredentials)
    )
    return client


def _settings(state: State, credentials: type[_Credentials]) -> dict[str, Any]:
    password = redis_secret(state)
    return {
        "socket_timeout": STEP_LIMIT,
        "socket_connect_timeout": STEP_LIMIT,
        "protocol": 2,
        "client_name": "banyan",
        "lib_name": None,
        "lib_version": None,
        "credential_provider": credentials(state.redis_user, password) if password.configured else None,
    }
