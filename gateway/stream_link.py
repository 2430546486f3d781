"""The shared streams as the configuration names them: client, names, seal. Shared by the processes that use
them.
"""

from __future__ import annotations

from flags import Secret, SecretMissing
from gateway.config import Config
from gateway.redis_link import blocking_redis_link, redis_link
from gateway.streams.client import StreamClient
from gateway.streams.names import Names
from gateway.streams.sealing import SHORTEST, Seal, derived, open_seal

__all__ = [
    "StreamKeyWrong",
    "blocking_redis_link",
    "seal_of",
    "shared_redaction_key",
    "stream_client",
    "stream_names",
    "stream_secret",
]


class StreamKeyWrong(Exception):
    """The secret of the streams is configured, and is not there or too short; `str()` says what is
    expected.
    """


def stream_names(config: Config) -> Names:
    """The keys of this group of machines."""
    return Names(config.state.redis_prefix)


def stream_client(config: Config) -> StreamClient:
    """A connection of its own; nothing is connected yet."""
    return StreamClient(redis_link(config.state))


def stream_secret(config: Config) -> bytes:
    """What machines share outside of Redis; empty when they share nothing. Raises `StreamKeyWrong`."""
    secret = Secret("shadow.stream_key", config.shadow.stream_key_env, config.shadow.stream_key_file)
    if not secret.configured:
        return b""
    try:
        found = secret().encode()
    except SecretMissing as error:
        raise StreamKeyWrong(f"The secret of the shared streams cannot be had: {error}.") from error
    if len(found) < SHORTEST:
        raise StreamKeyWrong(
            f"shadow.stream_key_env or shadow.stream_key_file: expected a secret of at least {SHORTEST} "
            f"characters, the same on all machines; it has {len(found)}. "
            "`openssl rand -hex 32` makes one."
        )
    return found


def seal_of(config: Config) -> Seal | None:
    """What exchanges are encrypted with, if anything. Raises `StreamKeyWrong`."""
    return open_seal(stream_secret(config))


def shared_redaction_key(config: Config) -> bytes:
    """Machines that share a secret write the same tokens. Raises `StreamKeyWrong`."""
    return derived(stream_secret(config), b"banyan redaction")
