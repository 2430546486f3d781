"""One contract for every session store; files and a real Redis both keep it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis as PlainRedis

from new_app.sessions.files import FileStore
from new_app.sessions.redis import RedisStore, connect
from new_app.sessions.session import new_session_id
from new_app.sessions.store import SessionStore, StoreUnavailableError
from tests.new_app.servers import redis_server
from tests.support.ports import free_port

Check = Callable[[SessionStore], Awaitable[None]]
Run = Callable[[Check], None]

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def _empty_redis(url: str) -> Iterator[Run]:
    PlainRedis.from_url(url).flushall()

    def run(check: Check) -> None:
        async def inside() -> None:
            client = connect(url)
            try:
                await check(RedisStore(client, "wr2:", 60))
            finally:
                await client.aclose()

        asyncio.run(inside())

    yield run


@pytest.fixture(params=["files", "redis"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Run]:
    """Runs one check against one store, empty at the start of the test."""
    if request.param == "files":
        yield lambda check: asyncio.run(check(FileStore(tmp_path / "s", 60)))  # type: ignore[arg-type]
    else:
        with _empty_redis(request.getfixturevalue("redis_url")) as runner:
            yield runner


def test_unknown_is_none(run: Run) -> None:
    async def check(store: SessionStore) -> None:
        assert await store.load(new_session_id()) is None
        await store.delete(new_session_id())

    run(check)


def test_saved_replaced_deleted_counted(run: Run) -> None:
    async def check(store: SessionStore) -> None:
        one, two = new_session_id(), new_session_id()
        await store.save(one, {"chat_history": [{"human": "お疲れ様です", "ai": "はい"}]})
        await store.save(two, {"a": 1})
        await store.save(two, {"b": 2})
        assert await store.load(one) == {"chat_history": [{"human": "お疲れ様です", "ai": "はい"}]}
        assert await store.load(two) == {"b": 2}
        assert await store.count() == 2
        await store.delete(one)
        assert await store.load(one) is None
        assert await store.count() == 1

    run(check)


@pytest.mark.parametrize(
    "bad", ["", "x", "../../../etc/passwd", "a" * 42, "a" * 44, "a" * 42 + "/", "*" * 43, "あ" * 43]
)
def test_what_is_no_id_reaches_neither_file_nor_key(run: Run, bad: str) -> None:
    async def check(store: SessionStore) -> None:
        assert await store.load(bad) is None
        await store.delete(bad)
        with pytest.raises(ValueError, match="not a session id"):
            await store.save(bad, {"a": 1})
        assert await store.count() == 0

    run(check)


def test_writes_at_the_same_time_leave_one_whole_session(run: Run) -> None:
    async def check(store: SessionStore) -> None:
        one = new_session_id()
        written = [{"by": n, "filling": [n] * 500} for n in range(20)]
        await asyncio.gather(*(store.save(one, data) for data in written))
        assert await store.load(one) in written

    run(check)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_any_json_object_comes_back(run: Run, data: dict[str, Any]) -> None:
    async def check(store: SessionStore) -> None:
        one = new_session_id()
        await store.save(one, data)
        assert await store.load(one) == data

    run(check)


def test_files_expire_and_are_swept(tmp_path: Path) -> None:
    now = [1000.0]
    store = FileStore(tmp_path / "s", 60, clock=lambda: now[0])
    one = new_session_id()
    asyncio.run(store.save(one, {"a": 1}))
    now[0] += 59
    assert asyncio.run(store.load(one)) == {"a": 1}
    now[0] += 1
    assert asyncio.run(store.load(one)) is None
    store.sweep()
    assert list((tmp_path / "s").iterdir()) == []


def test_redis_expires_by_the_server(redis_url: str) -> None:
    one = new_session_id()
    with _empty_redis(redis_url) as run:
        run(lambda store: store.save(one, {"a": 1}))
    assert 0 < PlainRedis.from_url(redis_url).ttl(f"wr2:{one}") <= 60


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\x80\x04pickle", b"null"])
def test_what_cannot_be_read_is_no_session_and_stays_as_it_is(
    tmp_path: Path, redis_url: str, raw: bytes
) -> None:
    one = new_session_id()

    async def check(store: SessionStore) -> None:
        assert await store.load(one) is None

    with _empty_redis(redis_url) as run:
        plain = PlainRedis.from_url(redis_url)
        plain.set(f"wr2:{one}", raw)
        run(check)
        assert plain.get(f"wr2:{one}") == raw
    store = FileStore(tmp_path / "s", 60)
    file = tmp_path / "s" / f"{one}.json"
    file.write_bytes(raw)
    asyncio.run(check(store))
    assert file.read_bytes() == raw


def test_a_dead_redis_is_unavailable() -> None:
    async def inside() -> None:
        client = connect(f"redis://127.0.0.1:{free_port()}/0")
        with pytest.raises(StoreUnavailableError):
            await RedisStore(client, "wr2:", 60).load(new_session_id())
        await client.aclose()

    asyncio.run(inside())


def test_a_folder_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "s", 60)
    (tmp_path / "s").rmdir()
    with pytest.raises(StoreUnavailableError):
        asyncio.run(store.save(new_session_id(), {}))
