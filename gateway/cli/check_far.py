"""The part of `banyan check` that asks the other servers: Redis, Unleash, where alerts go. Each answers with
its own kind of hello; nothing is changed there, and nobody is alerted.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from flags import Secret, SecretMissing
from flags.providers.unleash.fetching import Failed, UnleashClient
from gateway.alerts import Mail, slack_address
from gateway.config import Alerts, Config
from gateway.redis_link import redis_link

__all__ = ["far_addresses"]

_LIMIT: Final = 5.0


def far_addresses(config: Config) -> list[dict[str, Any]]:
    """One row for each server that the configuration names beside the two sides: reached, and if not, why."""
    return [_row(key, address, ask) for key, address, ask in _questions(config)]


def _questions(config: Config) -> Iterator[tuple[str, str, Callable[[], str]]]:
    """Key, what may be shown of the address, and the question: "" or what is wrong."""
    if config.state.redis_url:
        yield "state.redis_url", _host(config.state.redis_url), lambda: asyncio.run(_ping(config))
    if config.flags.source == "unleash":
        url = config.flags.unleash.url
        yield "flags.unleash.url", _host(url), lambda: asyncio.run(_fetch(config))
    alerts = config.alerts
    if alerts.webhook_url:
        yield "alerts.webhook_url", _host(alerts.webhook_url), lambda: _connect(alerts.webhook_url)
        secret = Secret("alerts.webhook_secret", alerts.webhook_secret_env, alerts.webhook_secret_file)
        if secret.configured:
            yield "alerts.webhook_secret", "-", lambda: _present(secret)
    slack = Secret("alerts.slack_url", alerts.slack_url_env, alerts.slack_url_file)
    if slack.configured:
        problem = _present(lambda: slack_address(slack))
        address = "-" if problem else _host(slack_address(slack))
        yield "alerts.slack_url", address, lambda: problem or _connect(slack_address(slack))
    if alerts.smtp_server.host:
        yield "alerts.smtp_server", str(alerts.smtp_server), lambda: _hello(alerts)


def _row(key: str, address: str, ask: Callable[[], str]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        problem = ask()
    except OSError as error:
        problem = error.strerror or str(error) or type(error).__name__
    return {
        "name": key,
        "address": address,
        "reached": not problem,
        "problem": problem,
        "seconds": round(time.perf_counter() - started, 6),
    }


async def _ping(config: Config) -> str:
    client = redis_link(config.state)
    try:
        answer: Awaitable[Any] | Any = client.ping()
        async with asyncio.timeout(_LIMIT):
            await answer
    except TimeoutError:
        return f"no answer within {_LIMIT:g} s"
    except (RedisError, SecretMissing, ValueError) as error:
        return " ".join(str(error).split()) or type(error).__name__
    finally:
        await client.aclose()
    return ""


async def _fetch(config: Config) -> str:
    """With the token: one that is refused is as bad as a server that is not there."""
    unleash = config.flags.unleash
    client = UnleashClient(
        unleash.url, Secret("flags.unleash.token", unleash.token_env, unleash.token_file), _LIMIT
    )
    try:
        found = await client.fetch("")
    finally:
        await client.close()
    return found.reason if isinstance(found, Failed) else ""


def _connect(url: str) -> str:
    """A connection, with TLS where the address says so; nothing is sent."""
    found = urlsplit(url)
    port = found.port or (443 if found.scheme == "https" else 80)
    with socket.create_connection((found.hostname or "", port), _LIMIT) as connection:
        if found.scheme == "https":
            ssl.create_default_context().wrap_socket(connection, server_hostname=found.hostname).close()
    return ""


def _present(secret: Callable[[], str]) -> str:
    try:
        secret()
    except SecretMissing as error:
        return str(error)
    return ""


def _hello(alerts: Alerts) -> str:
    password = Secret("alerts.smtp_password", alerts.smtp_password_env, alerts.smtp_password_file)
    return Mail(alerts, password).hello()


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or urlsplit(url).path
