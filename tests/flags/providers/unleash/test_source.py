"""What is wrong with the server changes nothing: every way to fail, and what is shown of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from flags import Secret, SourceUnwritable
from flags.providers.unleash.admin import UnleashAdmin
from flags.providers.unleash.fetching import Failed, Fetched, Unchanged, UnleashClient
from flags.providers.unleash.judging import refusal
from flags.providers.unleash.last_good import Kept, kept_in
from flags.providers.unleash.opening import open_unleash
from flags.providers.unleash.source import UnleashSource
from tests.flags.providers.unleash.deciding import body, feature, rollout
from tests.flags.providers.unleash.stand_in import StandIn, stand_in, whole

Reply = Fetched | Unchanged | Failed


class Scripted:
    """Answers what it was told to, and keeps the tags it was asked with."""

    def __init__(self) -> None:
        self.next: Reply = Failed("is not there")
        self.tags: list[str] = []

    async def fetch(self, etag: str) -> Reply:
        self.tags.append(etag)
        return self.next


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A source, its server and its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Scripted()
        self.clock = Clock()
        self.source = self.again()

    def again(self) -> UnleashSource:
        """As after a restart."""
        self.source = UnleashSource(self.server, kept_in(self.folder, "http://u"), self.clock)
        return self.source

    async def said(self, answer: bytes, etag: str = '"1"') -> bool:
        self.server.next = Fetched(answer, etag)
        return await self.source.refresh()

    def percent(self, name: str = "a") -> int | None:
        wanted = self.source.wanted([name], {})
        return wanted.dials[name] if wanted else None


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def of(count: int, percent: int = 10) -> bytes:
    """A configuration of so many features; `a` is among them."""
    return body(feature("a", rollout(percent)), *(feature(f"f{n}", rollout(5)) for n in range(count - 1)))


BAD = {
    "nothing": b"",
    "no JSON": b"<html>",
    "half of it": of(4)[:-20],
    "another shape": b"[]",
    "no features": b'{"version": 2}',
    "features of another shape": b'{"features": {"a": 1}}',
    "a feature without a name": b'{"features": [{"enabled": true, "strategies": []}]}',
    "a name twice": b'{"features": [%b, %b]}' % ((json.dumps(feature("a", rollout(1))).encode(),) * 2),
    "strategies of another shape": b'{"features": [{"name": "a", "enabled": true, "strategies": 3}]}',
    "a segment of another shape": b'{"features": [], "segments": [{"id": "x"}]}',
    "not text": b"\xff\xfe\x00",
    "a deep nest": b'{"features": ' + b"[" * 100_000,
    "empty": body(),
    "halved": of(2),
    "doubled": of(8),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_cannot_be_believed_changes_nothing(bench: Bench, name: str) -> None:
    """The last good state stays, in memory and on the disk; there is a sentence about it, and it ages."""
    assert await bench.said(of(4))
    bench.clock.now += 60
    assert not await bench.said(BAD[name], '"2"')
    assert bench.percent() == 1000
    view = bench.source.view()
    assert view.age_seconds == 60
    assert view.problem.startswith("Unleash ")
    assert bench.again().view().age_seconds == 60
    assert bench.percent() == 1000


@pytest.mark.parametrize("name", ["empty", "halved", "doubled"])
async def test_a_sudden_change_alerts_at_once_and_waits_for_a_person(bench: Bench, name: str) -> None:
    """However often it is said again; and a person's word counts once."""
    await bench.said(of(4, 10))
    for _ in range(5):
        assert not await bench.said(BAD[name])
    assert bench.source.view().alert
    bench.source.accept()
    assert await bench.said(BAD[name])
    assert bench.source.view().problem == ""
    assert not bench.source.view().alert


async def test_a_word_in_advance_is_not_taken(bench: Bench) -> None:
    """A reload for another reason accepts nothing that comes later."""
    await bench.said(of(4))
    bench.source.accept()
    assert not await bench.said(of(2))


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (None, 0, ""),
        (0, 50, ""),
        (1, 2, ""),
        (3, 6, ""),
        (4, 8, "doubled"),
        (4, 7, ""),
        (2, 1, "halved"),
        (5, 3, ""),
        (5, 2, "halved"),
        (1, 0, "empty"),
    ],
)
def test_what_is_sudden(before: int | None, after: int, word: str) -> None:
    """The table, at its edges."""
    found = refusal(before, after)
    assert (word in found) if word else found == ""


async def test_unchanged_confirms_and_makes_it_young_again(bench: Bench) -> None:
    """A 304 is an answer, and asked for with the tag of what is known."""
    await bench.said(of(4), '"7"')
    bench.clock.now += 30
    bench.server.next = Unchanged()
    assert not await bench.source.refresh()
    assert bench.source.view().age_seconds == 0
    assert bench.server.tags == ["", '"7"']


async def test_a_failure_is_said_at_once_and_alerts_when_it_lasts(bench: Bench) -> None:
    """One missed answer is a sentence, three in a row are an alert; an answer ends both."""
    await bench.said(of(4))
    bench.server.next = Failed("is not there")
    alerts = []
    for _ in range(3):
        await bench.source.refresh()
        alerts.append(bench.source.view().alert)
    assert alerts == [False, False, True]
    assert bench.source.view().problem == "Unleash is not there."
    await bench.said(of(4))
    assert (bench.source.view().problem, bench.source.view().alert) == ("", False)


async def test_a_start_without_the_server_goes_by_the_disk(bench: Bench) -> None:
    """And asks anew for all of it: a tag is not kept."""
    await bench.said(of(4, 42))
    bench.clock.now += 3600
    bench.again()
    assert bench.percent() == 4200
    assert bench.source.view().age_seconds == 3600
    await bench.source.refresh()
    assert bench.server.tags[-1] == ""


async def test_a_first_start_without_the_server_knows_nothing_and_alerts(bench: Bench) -> None:
    await bench.source.refresh()
    assert bench.source.wanted(["a"], {}) is None
    view = bench.source.view()
    assert (view.age_seconds, view.alert) == (None, True)


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b"[1]"])
async def test_a_damaged_copy_is_not_believed(bench: Bench, damage: bytes) -> None:
    await bench.said(of(4))
    (bench.folder / "unleash.json").write_bytes(damage)
    assert bench.again().wanted(["a"], {}) is None


async def test_a_copy_of_an_answer_with_space_around_it_is_believed(bench: Bench) -> None:
    await bench.said(b" " + of(4) + b"\n")
    assert bench.again().wanted(["a"], {}) is not None


async def test_an_edited_copy_is_not_believed(bench: Bench) -> None:
    await bench.said(of(4, 10))
    path = bench.folder / "unleash.json"
    path.write_bytes(path.read_bytes().replace(b'"10"', b'"99"'))
    assert bench.again().wanted(["a"], {}) is None


def test_a_copy_of_another_server_is_not_believed(tmp_path: Path) -> None:
    kept = Kept(msgspec.Raw(of(1)), 1.0)
    kept_in(tmp_path, "http://one").save(kept)
    assert kept_in(tmp_path, "http://two").load() is None
    assert kept_in(tmp_path, "http://one").load() == kept


async def test_a_disk_that_takes_nothing_holds_nothing_up(bench: Bench) -> None:
    """The configuration counts all the same."""
    bench.folder = bench.folder / "gone"
    bench.again()
    assert await bench.said(of(4, 20))
    assert bench.percent() == 2000


# --- over a real connection -----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no limit is meant, none is met because this process stood still."""
    monkeypatch.setattr("flags.providers.unleash.fetching.STEP_LIMIT", 30.0)


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with stand_in() as made:
        yield made


async def fetched(server: StandIn, etag: str = "", limit: float = 30) -> Reply:
    client = UnleashClient(server.url + "/api/", lambda: "secret", whole_limit=limit)
    try:
        return await client.fetch(etag)
    finally:
        await client.close()


async def test_it_asks_for_what_clients_ask_for(server: StandIn) -> None:
    server.answer = whole(b"body", etag='"3"')
    assert await fetched(server, '"2"') == Fetched(b"body", '"3"')
    (head,) = server.asked
    assert head.startswith(b"GET /api/client/features HTTP/1.1\r\n")
    assert b'if-none-match: "2"\r\n' in head.lower()
    assert b"\r\nauthorization: " in head.lower()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (whole(b"", "500 Oops"), "answered 500"),
        (whole(b"", "401 No"), "refuses the token (401)"),
        (whole(b"", "403 No"), "refuses the token (403)"),
        (whole(b"", "302 Found"), "answered 302"),
        (whole(b"", "304 Not Modified"), "answered 304"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "cannot be reached"),
        (b"\x00\x01\x02", "cannot be reached"),
        (b"", "cannot be reached"),
        (None, "within 0.5 s"),
    ],
)
async def test_every_failure_has_its_words(server: StandIn, answer: bytes | None, words: str) -> None:
    """A 304 that nobody asked for is one of them."""
    server.answer = answer
    found = await fetched(server, limit=30 if answer is not None else 0.5)
    assert isinstance(found, Failed)
    assert words in found.reason


async def test_a_server_that_drips_has_a_last_moment(server: StandIn) -> None:
    server.slowly = True
    found = await fetched(server, limit=0.5)
    assert isinstance(found, Failed)
    assert "within 0.5 s" in found.reason


async def test_nobody_there(server: StandIn) -> None:
    server.url = "http://127.0.0.1:1"
    assert isinstance(await fetched(server), Failed)


@pytest.mark.parametrize("token", ["t\u00f6ken", "to ken", "to\nken", ""])
async def test_a_token_that_no_field_carries_is_a_failure_and_is_not_shown(
    server: StandIn, token: str
) -> None:
    client = UnleashClient(server.url, lambda: token)
    found = await client.fetch("")
    await client.close()
    assert isinstance(found, Failed)
    assert found.reason == "cannot be asked: its token has characters that no token has"
    with pytest.raises(SourceUnwritable, match="cannot be written to: its token has characters"):
        await UnleashAdmin(server.url, "default", "development", lambda: token).write("a", 1000)


@pytest.mark.parametrize(
    "body",
    [b"<html>Welcome</html>", b"[1, 2]", b"3", b'{"environments": 3}', b'{"environments": ["x"]}']
    + [b'{"environments": [{"name": "development", "strategies": %b}]}' % b for b in (b"[[]]", b"3")]
    + [b'{"environments": [{"name": "development", "strategies": [{"name": "flexibleRollout"}]}]}']
    + [b"[" * 100_000],
)
async def test_what_is_no_answer_of_the_admin_api_is_a_refusal(server: StandIn, body: bytes) -> None:
    """A page for people, of a proxy in between, comes with a 200."""
    server.answer = whole(body)
    admin = UnleashAdmin(server.url, "default", "development", lambda: "token")
    with pytest.raises(SourceUnwritable):
        await admin.write("a", 1000)


# --- tokens ---------------------------------------------------------------------------------------


def test_a_token_comes_from_a_variable_or_a_file_that_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    secret = Secret("flags.unleash.token", "U_TOKEN", str(file))
    file.write_text("one\n")
    assert secret() == "one"
    file.write_text("two\n")
    assert secret() == "two"
    monkeypatch.setenv("U_TOKEN", "three")
    assert secret() == "three"


async def test_a_missing_token_file_is_a_failure_like_any_other(tmp_path: Path, server: StandIn) -> None:
    """It may come back; a variable will not, so that one is refused at the start."""
    client = UnleashClient(server.url, Secret("k", "", str(tmp_path / "none")))
    found = await client.fetch("")
    assert isinstance(found, Failed)
    assert "cannot be read" in found.reason
    await client.close()
    with pytest.raises(SourceUnwritable, match="U_NOT_SET"):
        open_unleash(
            tmp_path,
            url=server.url,
            project="default",
            environment="development",
            token=Secret("flags.unleash.token", "U_NOT_SET", ""),
            admin_token=Secret("flags.unleash.admin_token", "", ""),
            clock=Clock(),
        )
