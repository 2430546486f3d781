"""What is sent to the other side: the last look before it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.core.failure import Failure, Phase, Reason
from gateway.core.headers import ResponseFacts
from gateway.core.message import ResponseHead
from gateway.shadowing import CopySender
from gateway.shadowing.silence import IN_A_ROW
from shadow import Observation, RequestSnapshot

PLAIN = RequestSnapshot("GET", "/a?b=c", ((b"x", b"y"),), b"")


class Pool:
    """Takes what is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.members: set[object] = set()

    def ask(self, answer: Any) -> None:
        self.asked.append(answer)


def sent(request: RequestSnapshot) -> tuple[int, list[Observation]]:
    """How often the pool was asked, and what was answered at once."""
    pool, answers = Pool(), list[Observation]()
    CopySender("new", cast("Any", pool), b"b", 1024, cast("Any", pool)).send(
        request, b"host", 1.0, answers.append
    )
    return len(pool.asked), answers


@pytest.mark.parametrize(
    "request_",
    [
        RequestSnapshot("GET", "/", ((b"x", b"a\r\nb: c"),), b""),
        RequestSnapshot("GET", "/", ((b"x", b"a\nb: c"),), b""),
        RequestSnapshot("GET", "/", ((b"x", b"a\rb"),), b""),
        RequestSnapshot("GET", "/", ((b"x", b"a\0b"),), b""),
        RequestSnapshot("GET", "/ HTTP/1.1\r\nx: y", (), b""),
        RequestSnapshot("GET", "/a b", (), b""),
    ],
)
def test_what_would_be_more_than_one_request_is_not_sent(request_: RequestSnapshot) -> None:
    asked, answers = sent(request_)
    assert asked == 0
    assert [answer.error for answer in answers] == ["the copy would not be one request"]


def test_any_other_is_sent() -> None:
    assert sent(PLAIN) == (1, [])


class Other:
    """The other side's connection, and what has become of it."""

    def __init__(self) -> None:
        self.left = self.released = False

    def start(self, receiver: object, *, head_only: bool) -> None: ...

    def send(self, data: bytes) -> None: ...

    def abandon(self) -> None:
        self.left = True

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize(("announced", "cut"), [(1025, True), (1024, False)])
def test_an_answer_that_says_it_will_be_too_long_is_left_at_once(announced: int, cut: bool) -> None:
    pool, answers, other = Pool(), list[Observation](), Other()
    sender = CopySender("new", cast("Any", pool), b"b", 1024, cast("Any", pool))
    sender.send(PLAIN, b"host", 1.0, answers.append)
    (answer,) = pool.asked
    answer.connected(other)
    answer.head(ResponseHead(200, b"OK", 1, ()), ResponseFacts([], announced))
    answer.piece(b"x" * 100)
    answer.flush()
    assert other.left is cut
    assert [(one.cut, len(one.body)) for one in answers] == ([(True, 100)] if cut else [])
    if not cut:
        answer.piece(b"x" * 924)
        answer.end()
        assert [(one.cut, len(one.body)) for one in answers] == [(False, 1024)]


def test_what_an_answer_without_a_body_announces_does_not_count() -> None:
    """To HEAD, and with 304: nothing is to come."""
    pool, answers, other = Pool(), list[Observation](), Other()
    head = RequestSnapshot("HEAD", "/", (), b"")
    CopySender("new", cast("Any", pool), b"b", 1024, cast("Any", pool)).send(
        head, b"host", 1.0, answers.append
    )
    (answer,) = pool.asked
    answer.connected(other)
    answer.head(ResponseHead(200, b"OK", 1, ()), ResponseFacts([], 50_000_000))
    answer.end()
    assert other.released
    assert [one.cut for one in answers] == [False]


def test_a_side_that_answers_nothing_is_sent_one_copy_at_a_time(caplog: pytest.LogCaptureFixture) -> None:
    """Those that were on their way go on; an answer, or a refusal, ends it."""
    pool, answers = SilentPool(), list[Observation]()
    sender = CopySender("new", cast("Any", pool), b"b", 1024, cast("Any", pool))

    def send() -> int:
        before = len(pool.asked)
        sender.send(PLAIN, b"host", 1.0, answers.append)
        return len(pool.asked) - before

    assert sum(send() for _ in range(IN_A_ROW + 1)) == IN_A_ROW + 1
    for answer in pool.asked[:IN_A_ROW]:
        answer.expired()
    assert [one.error for one in answers] == ["timeout"] * IN_A_ROW
    assert "none of the last 64 copies" in caplog.text
    assert send() == 0, "one is on its way"
    assert answers[-1].error == "timeout"
    pool.asked[-1].expired()
    assert (send(), send()) == (1, 0)
    pool.asked[-1].failed(Failure(Phase.CONNECT, Reason.CONNECT_REFUSED, "nobody there"))
    assert sum(send() for _ in range(IN_A_ROW)) == IN_A_ROW
    assert "answers copies again" in caplog.text
    for answer in pool.asked[-IN_A_ROW:-1]:
        answer.expired()
    assert send() == 1, "fewer in a row"


class SilentPool(Pool):
    """Answers nothing."""

    def cancel(self, answer: Any) -> None: ...
