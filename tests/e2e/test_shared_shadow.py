"""The shadow over a Redis that several machines share: nothing counted twice, nothing lost unnoticed,
sessions in order, whoever is killed, stopped or restarted."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import httpx
import pytest
from redis import Redis

from gateway.control_process import TOTALS_FILE
from gateway.runtime_note import RUNTIME_FILE
from tests.e2e.attempts import TRIES, WAIT, Attempts
from tests.e2e.between import Asked, Says
from tests.e2e.crew import Crew, Ledger, Load, crew
from tests.support.ports import wait_until

TAKEN_OVER = "was taken over by another process"


def writes_and_reads(number: int) -> str:
    return "POST" if number % 3 == 0 else "GET"


def no_pair_is_asked_twice_for_its_effect(new: Ledger) -> None:
    """A copy that has an effect is sent once or never."""
    assert [pair for pair, times in new.writes.items() if times > 1] == []


def in_order_but_for(team: Crew, new: Ledger, takeovers: int) -> None:
    """Each session's copies came in order. After each takeover what the process before had not settled may be
    asked again, in order from there. A busy machine may take over from a process that is alive; that says so.
    """
    takeovers += sum(machine.process.output().count(TAKEN_OVER) for machine in team.machines)
    for user, numbers in new.copies.items():
        turns = sum(1 for one, two in pairwise(numbers) if two < one)
        assert turns <= takeovers, (user, numbers)


class Users(Load):
    """Users whom nobody knows, other ones each time."""

    _round = itertools.count()

    def __init__(self, team: Crew) -> None:
        self._number = next(self._round)
        super().__init__(team, method=writes_and_reads)

    def _user(self, name: str) -> None:
        super()._user(f"{name}-{self._number}")


def until_all_match(team: Crew, new: Ledger, ask: Callable[[], int]) -> None:
    """Let `ask` make requests as users whom nobody knows → how many; until every one of them was compared
    and is alike. A busy machine takes fewer sessions, or leaves an exchange without a verdict; what is
    counted is exact and in order all the same.
    """
    sent, before, tried = 0, Counter[str](), []
    for _ in range(TRIES):
        copies = sum(map(len, new.copies.values()))
        asked = ask()
        sent += asked
        books = exact(team, sent)
        tried.append(books - before)
        no_pair_is_asked_twice_for_its_effect(new)
        in_order_but_for(team, new, takeovers=0)
        if tried[-1]["match"] == asked:
            assert sum(map(len, new.copies.values())) == copies + asked
            return
        before = books
        wait_until(
            lambda: all(gateway.report()["sample_percent"] == 100 for gateway in team.gateways),
            2 * WAIT,
            "all sessions to be taken again",
        )
    pytest.fail(f"something was not compared in each of {TRIES} tries: {tried}")


def started(team: Crew, gateways: int = 2, machines: int = 2) -> None:
    for _ in range(gateways):
        team.gateway()
    for _ in range(machines):
        team.machine()
    wait_until(team.held, timeout=WAIT, what="every shard to be worked on")


def exact(team: Crew, sent: int) -> Counter[str]:
    """The books, once all has come to an end: each request is in them once, and nothing is told to differ."""
    books = team.settled(sent, timeout=2 * WAIT)
    assert books["eligible"] == sent, books
    assert books["mismatch"] == 0, books
    for gateway in team.gateways:
        wait_until(lambda: gateway.report()["in_flight"] == 0, WAIT, "the shared books")  # noqa: B023 - called before the loop goes on
        report = gateway.report()
        assert report["eligible"] == report["compared"] + report["unknown"] + report["not_sampled"], report
        assert report["eligible"] == sent, report
        assert report["gateways"] == len(team.gateways)
    return books


def mostly_match(team: Crew, sent: int, share: float) -> Counter[str]:
    """The books, once all has come to an end, with more than so much of what was taken alike: after some
    more users, where a busy machine has left too many exchanges without a verdict.
    """
    books = exact(team, sent)
    for _ in range(TRIES):
        if books["match"] > share * (sent - books["not_sampled"]):
            return books
        sent += for_seconds(team, 4)()
        books = exact(team, sent)
    pytest.fail(f"not {share:.0%} that match: {books}")


def for_seconds(team: Crew, seconds: float) -> Callable[[], int]:
    """Users who ask for so long → how many requests they made."""

    def ask() -> int:
        load = Users(team)
        time.sleep(seconds)
        return load.end()

    return ask


def test_two_gateways_and_two_shadow_machines_share_the_work(tmp_path: Path) -> None:
    new = Ledger()
    with crew(tmp_path, Ledger(), new) as team:
        started(team)
        until_all_match(team, new, for_seconds(team, 4))

        def shared() -> bool:
            processes = team.gateways[0].banyan("status").data["shadow"]["processes"]
            shards = sorted(one["shards"] for one in processes)
            return shards == [16, 16] and all(one["settled"] for one in processes)

        wait_until(shared, WAIT, "each to work on half of it")


def test_a_killed_machine_is_replaced_by_another_and_no_pair_is_counted_twice(tmp_path: Path) -> None:
    new = Ledger(pause=0.01)
    with crew(tmp_path, Ledger(), new) as team:
        started(team)
        load = Load(team, method=writes_and_reads)
        time.sleep(2)
        team.machines[0].kill()
        time.sleep(5)
        wait_until(team.held, timeout=WAIT, what="the other machine to take over")
        team.machine()
        time.sleep(2)
        team.machines[1].kill()
        books = mostly_match(team, load.end(), 0.9)
        assert books["dropped"] == 0, books
        in_order_but_for(team, new, takeovers=2)
        no_pair_is_asked_twice_for_its_effect(new)


def test_a_stopped_process_that_goes_on_counts_and_sends_nothing_any_more(tmp_path: Path) -> None:
    new = Ledger(pause=0.01)
    with crew(tmp_path, Ledger(), new) as team:
        started(team)
        load = Load(team, method=writes_and_reads)
        time.sleep(2)
        team.machines[0].all(signal.SIGSTOP)  # nobody there to replace it
        time.sleep(6)
        wait_until(team.held, timeout=WAIT, what="the other machine to take over")
        team.machines[0].all(signal.SIGCONT)
        time.sleep(2)
        sent = load.end()
        books = exact(team, sent)
        assert books["dropped"] == 0, books
        no_pair_is_asked_twice_for_its_effect(new)
        wait_until(lambda: TAKEN_OVER in team.machines[0].process.output(), WAIT, "the word of it")


def test_a_machine_that_is_told_to_end_hands_its_shards_over_at_once(tmp_path: Path) -> None:
    new = Ledger(pause=0.01)
    with crew(tmp_path, Ledger(), new) as team:
        started(team)
        redis = Redis.from_url(team.redis.url)

        def owners() -> set[bytes | str | None]:
            """Who has shards; a lease ends by itself after three seconds."""
            return {redis.get(name) for name in redis.scan_iter("*lease:*")} - {None}

        def ask() -> int:
            wait_until(lambda: len(owners()) == 2, WAIT, "both to have shards")
            load = Users(team)
            time.sleep(2)
            assert team.machines[-2].process.stop(timeout=WAIT) == 0
            assert len(owners()) <= 1, "what it had is free from then on"
            wait_until(team.held, timeout=WAIT, what="the other machine to take over")
            time.sleep(1)
            sent = load.end()
            team.machine()  # for another try
            return sent

        until_all_match(team, new, ask)
        redis.close()


def test_a_killed_worker_and_a_killed_control_process_leave_exact_books(tmp_path: Path) -> None:
    new = Ledger(pause=0.05)
    with crew(tmp_path, Ledger(), new) as team:
        started(team, gateways=1, machines=1)
        (gateway,) = team.gateways
        note = json.loads((gateway.folder / "state" / RUNTIME_FILE).read_text())
        totals = Path(note["runtime"]) / TOTALS_FILE
        load = Load(team, method=writes_and_reads)
        time.sleep(2)
        told = load.sent.total()
        wait_until(lambda: gateway.report()["eligible"] >= told, WAIT, "the worker to have told of that")
        since = time.time()
        wait_until(lambda: totals.stat().st_mtime > since, WAIT, "the control process to have kept it")
        sent = load.end()
        kinds = ("gateway.worker", "gateway.control_process")
        before = {kind: gateway.children(kind) for kind in kinds}
        for kind in kinds:  # what the workers had is under way in Redis
            gateway.kill(kind)
        for kind, ended in before.items():
            wait_until(
                lambda: len(set(gateway.children(kind)) - set(ended)) == len(ended),  # noqa: B023 - called before the loop goes on
                WAIT,
                f"another {kind}",
            )
        books = team.settled(told, timeout=2 * WAIT)
        # What a worker had counted in its last quarter of a second is in nobody's books; the rest is.
        assert told <= books["eligible"] <= sent, books
        assert books["mismatch"] == 0, books
        no_pair_is_asked_twice_for_its_effect(new)


def test_redis_restarts_and_has_lost_everything(tmp_path: Path) -> None:
    new = Ledger()
    with crew(tmp_path, Ledger(), new) as team:
        started(team)
        load = Load(team, method=writes_and_reads)
        time.sleep(2)
        team.restart_redis()
        time.sleep(5)
        sent = load.end()
        books = exact(team, sent)
        assert books["match"] > 0, books
        in_order_but_for(team, new, takeovers=0)
        no_pair_is_asked_twice_for_its_effect(new)


def test_redis_restarts_and_has_kept_everything(tmp_path: Path) -> None:
    new = Ledger()
    with crew(tmp_path, Ledger(), new) as team:
        team.keep_redis_on_disk()
        started(team)
        load = Load(team, method=writes_and_reads)
        time.sleep(2)
        team.restart_kept_redis()
        time.sleep(4)
        books = mostly_match(team, load.end(), 0.95)
        assert books["dropped"] == 0, books
        in_order_but_for(team, new, takeovers=1)
        no_pair_is_asked_twice_for_its_effect(new)


def test_redis_hangs_for_a_while_and_nobody_waits_for_it(tmp_path: Path) -> None:
    new = Ledger()
    with crew(tmp_path, Ledger(), new) as team:
        started(team)
        load = Load(team, method=writes_and_reads)

        def rate() -> float:
            """Requests a second, in one second or longer."""
            began, before = time.monotonic(), load.sent.total()
            time.sleep(1)
            return (load.sent.total() - before) / (time.monotonic() - began)

        as_ever = rate()
        team.redis.process.signal(signal.SIGSTOP)
        meanwhile = [rate() for _ in range(5)]
        team.redis.process.signal(signal.SIGCONT)
        assert median(meanwhile) > 0.3 * as_ever, meanwhile  # requests go on as before
        time.sleep(3)
        sent = load.end()
        books = exact(team, sent)
        assert books["dropped"] == 0, books
        in_order_but_for(team, new, takeovers=1)
        no_pair_is_asked_twice_for_its_effect(new)


def test_a_gateways_own_shadow_processes_take_their_share(tmp_path: Path) -> None:
    new = Ledger()
    with crew(tmp_path, Ledger(), new) as team:
        team.gateway(shadow="processes = 2")
        wait_until(team.held, timeout=WAIT, what="every shard to be worked on")
        until_all_match(team, new, for_seconds(team, 2))

        def shared() -> bool:
            processes = team.gateways[0].banyan("status").data["shadow"]["processes"]
            return [one["shards"] for one in processes] == [16, 16]

        wait_until(shared, WAIT, "each to work on half of it")
        assert team.gateways[0].process.stop(timeout=30) == 0


def test_what_differs_is_told_alike_on_every_machine(tmp_path: Path) -> None:
    """Findings of any shadow machine, in Redis: the same signatures, samples and acknowledgements
    everywhere.
    """

    def another_price(asked: Asked) -> Says:
        return Says(b'{"price": "1.00", "user": "%b"}' % asked.headers.get("x-user", "").encode())

    with crew(tmp_path, Ledger(), Ledger(hurt=another_price)) as team:
        team.gateway(shadow='processes = 0\nstore = "redis"')
        team.gateway(shadow='processes = 0\nstore = "redis"')
        team.machine(shadow='store = "redis"')
        team.machine(shadow='store = "redis"')
        wait_until(team.held, timeout=WAIT, what="every shard to be worked on")
        load = Load(team)
        time.sleep(2)

        def told_apart() -> bool:
            books = team.books()
            return books["mismatch"] > 0.5 * (books["eligible"] - books["not_sampled"]) > 50

        wait_until(told_apart, 2 * WAIT, "what differs")
        sent = load.end()
        books = team.settled(sent, 2 * WAIT)
        one, other = team.gateways

        def counted() -> bool:
            found = {each["path"]: each for each in one.banyan("diffs").data}
            return "body.price" in found and found["body.price"]["count"] == books["mismatch"]

        wait_until(counted, timeout=WAIT, what="the findings of both machines")
        signatures = other.banyan("diffs").data
        assert {each["path"] for each in signatures} == {"body.price", "body.number"}
        id_ = next(each["id"] for each in signatures if each["path"] == "body.number")
        assert other.banyan("diffs", "show", id_).data["differences"]
        shown = one.banyan("diffs", "show", id_).data
        assert shown["candidate"]["body"].startswith('{"price"')
        words = ("--until", str(date.today() + timedelta(days=9)), "--reason", "known")  # noqa: DTZ011 - a day
        assert one.banyan("diffs", "acknowledge", id_, *words).code == 0
        seen = next(each for each in other.banyan("diffs").data if each["id"] == id_)
        assert seen["acknowledged"]
        assert not list(team.folder.glob("*/state/shadow.sqlite"))


def test_secrets_in_redis_are_sealed_where_there_is_a_key(tmp_path: Path) -> None:
    new = Ledger(pause=0.3)
    key = {"STREAM_KEY": "k" * 32}
    sealed = 'store = "redis"\nstream_key_env = "STREAM_KEY"'
    with crew(tmp_path, Ledger(), new) as team:
        team.gateway(shadow=f"processes = 0\n{sealed}", env=key)
        with httpx.Client(base_url=team.gateways[0].url, trust_env=False, timeout=WAIT) as client:
            for number in range(20):
                headers = {"X-User": "ada", "X-Number": str(number), "Cookie": "session=hunter2hunter2"}
                assert client.get("/things/1", headers=headers).status_code == 200
        redis = Redis.from_url(team.redis.url)
        streams = [name for name in redis.scan_iter("*stream:*") if redis.xlen(name)]
        wait_until(lambda: any(redis.xlen(name) == 20 for name in redis.scan_iter("*:stream:*")))
        assert everything(redis).count(b"hunter2") == 0
        team.machine(shadow=sealed, env=key)
        books = team.settled(20)
        # It could read them; a busy machine may leave one without a verdict.
        assert books["match"] > 0, (books, streams)
        assert books["mismatch"] == 0, books
        mirrors = list(redis.scan_iter("*mirror:*"))
        assert mirrors
        assert everything(redis).count(b"hunter2") == 0


def everything(redis: Redis) -> bytes:
    """All that a Redis holds, one after the other."""
    read: dict[bytes, Callable[[bytes], object]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"stream": redis.xrange,
        b"zset": lambda name: redis.zrange(name, 0, -1),
        b"set": redis.smembers,
    }
    return b"".join(repr(read[redis.type(name)](name)).encode() for name in redis.scan_iter("*"))  # type: ignore[index]


def test_what_there_is_no_room_for_is_dropped_and_counted(tmp_path: Path) -> None:
    """Nobody works on it: the streams stay within their bound, and what waits too long goes."""
    with crew(tmp_path, Ledger(), Ledger()) as team:
        team.gateway(shadow='processes = 0\nstream_max_bytes = "1 MiB"\nstream_ttl = "8s"')
        load = Load(team, users=4)
        body = b"x" * 20_000
        with httpx.Client(base_url=team.gateways[0].url, trust_env=False, timeout=WAIT) as client:
            for number in range(120):
                headers = {"X-User": f"big-{number}", "X-Number": "-1"}
                assert client.post("/things/1", headers=headers, content=body).status_code == 200
        sent = load.end() + 120
        status = team.gateways[0].banyan("status").data
        assert status["shadow"]["bytes"] <= 2 << 20  # words about sessions may take as much again
        assert status["shadow"]["processes"] == []
        wait_until(lambda: any("no shadow process" in each for each in team.gateways[0].warnings()), WAIT)
        assert team.books()["dropped"] > 0
        books = team.settled(sent, timeout=2 * WAIT)  # by and by all of it has waited too long
        assert books["dropped"] == books["eligible"] == sent, books
        redis = Redis.from_url(team.redis.url)

        def left() -> int:
            return sum(redis.xlen(name) for name in redis.scan_iter("*:stream:*"))

        wait_until(lambda: left() == 0, timeout=WAIT, what="the last words to have waited too long as well")


class Counting:
    """An application that counts the writes of each user, and says how many there were; a copy's too."""

    def __init__(self) -> None:
        self.writes: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Says:
        user = asked.headers.get("x-user", "")
        self.writes[user] += asked.method == "POST"
        headers = (("Content-Type", "application/json"), ("Banyan-Shadow", "honoured"))
        return Says(b'{"writes": %d}' % self.writes[user], headers=headers)


def test_a_write_that_waited_too_long_makes_its_session_unknown_not_different(tmp_path: Path) -> None:
    """Swept away while nobody was there to repeat it: the next read differs, and that proves nothing. A
    session that begins afterwards is compared as ever."""
    settings = 'processes = 0\nstream_ttl = "4s"'
    with crew(tmp_path, Counting(), Counting()) as team:
        gateway = team.gateway(settings)
        attempts = Attempts(gateway)

        def attempt(user: str) -> None:
            machine = team.machine(settings)
            wait_until(team.held, timeout=WAIT, what="every shard to be worked on")
            with httpx.Client(base_url=gateway.url, trust_env=False, timeout=WAIT) as client:

                def asks(method: str = "GET") -> None:
                    answer = client.request(method, "/things/1", headers={"X-User": user})
                    assert answer.status_code == 200

                asks()
                asks("POST")
                attempts.settled(2)
                assert machine.process.stop(timeout=WAIT) == 0  # what it knows of the user stays in Redis
                asks("POST")
                attempts.settled(3)
                another = team.machine(settings)
                wait_until(team.held, timeout=WAIT, what="every shard to be worked on")
                asks()
                attempts.settled(4)
            assert another.process.stop(timeout=WAIT) == 0

        attempts.until(attempt, {"match": 2, "dropped": 1, "undetermined": 1})


def test_a_process_of_banyan_shadow_that_hangs_is_replaced(tmp_path: Path) -> None:
    """There is no other machine: its shards wait until it has been."""
    with crew(tmp_path, Ledger(), Ledger()) as team:
        started(team, gateways=1, machines=1)
        (machine,) = team.machines

        def attempt(user: str) -> None:
            (stopped,) = machine.workers()
            os.kill(stopped, signal.SIGSTOP)
            with httpx.Client(base_url=team.gateways[0].url, trust_env=False, timeout=WAIT) as client:
                for number in range(5):
                    headers = {"X-User": user, "X-Number": str(number)}
                    assert client.get("/things/1", headers=headers).status_code == 200
            wait_until(lambda: machine.workers() not in ([], [stopped]), 2 * WAIT, "another process")
            hangs = f"shadow 0 (process {stopped}) hangs"
            wait_until(lambda: hangs in machine.process.output(), WAIT, "the word of it")
            wait_until(team.held, timeout=WAIT, what="every shard to be worked on")

        Attempts(team.gateways[0]).until(attempt, {"match": 5})
