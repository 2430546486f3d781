"""The mirror of a session: cookies and values of the other side, many turns, and what is given up."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shadow import (
    Comparison,
    MirrorBook,
    Observation,
    RequestSnapshot,
    SessionMirror,
    Severity,
    Verdict,
    settle,
)
from tests.shadow.answers import answer, as_json, request

FORM = "application/x-www-form-urlencoded"
NOW = 1_750_000_000.0
SHOWN = request(Cookie="session=unknown")
OURS, THEIRS = "a1b2c3d4e5f60718" * 2, "9f8e7d6c5b4a3928" * 2


def cookies(copy: RequestSnapshot) -> list[str]:
    return [
        pair
        for name, value in copy.headers
        if name.lower() == b"cookie"
        for pair in value.decode().split("; ")
    ]


def header(copy: RequestSnapshot, name: bytes) -> list[bytes]:
    return [value for field, value in copy.headers if field.lower() == name]


@pytest.fixture
def mirror() -> SessionMirror:
    return SessionMirror(NOW)


def test_a_conversation_of_many_turns_with_tokens(mirror: SessionMirror) -> None:
    first = request(target="/token")
    assert mirror.rewrite(first).headers == ()  # Host belongs to the connection
    mirror.learn(
        first,
        as_json({"csrf_token": OURS, "n": 1}, Set_Cookie="session=primary1; Path=/; HttpOnly"),
        as_json({"csrf_token": THEIRS, "n": 1}, Set_Cookie="sid=other1; Path=/; HttpOnly"),
    )
    for turn in range(1, 4):
        asked = request(
            "POST",
            f"/orders?token={OURS}",
            orjson.dumps({"csrf_token": OURS, "n": turn}),
            Content_Type="application/json",
            Content_Length="55",
            X_CSRF_Token=OURS,
            Cookie=f"session=primary{turn}; lang=de",
        )
        copy = mirror.rewrite(asked)
        assert copy.target == f"/orders?token={THEIRS}"
        assert orjson.loads(copy.body) == {"csrf_token": THEIRS, "n": turn}
        assert header(copy, b"x-csrf-token") == [THEIRS.encode()]
        assert sorted(cookies(copy)) == ["lang=de", f"sid=other{turn}"]
        assert header(copy, b"content-length") == header(copy, b"host") == []
        mirror.learn(
            asked,
            as_json({"ok": 1}, Set_Cookie=f"session=primary{turn + 1}; Path=/"),
            as_json({"ok": 1}, Set_Cookie=f"sid=other{turn + 1}; Path=/"),
        )
    assert mirror.known_from_start


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request(target=f"/orders/{OURS}/items"), f"/orders/{THEIRS}/items"),
        (request(target=f"/orders/x{OURS}"), f"/orders/x{OURS}"),
        (request(target=f"/orders?id={OURS}&a=%20b"), f"/orders?id={THEIRS}&a=%20b"),
        (request(Authorization=f"Bearer {OURS}"), f"Bearer {THEIRS}"),
        (request(X_Id=OURS), THEIRS),
        (
            request(Referer=f"http://shop.example/orders/{OURS}?a=1"),
            f"http://shop.example/orders/{THEIRS}?a=1",
        ),
        (request(Cookie=f"mine={OURS}"), f"mine={THEIRS}"),
        (request("POST", body=f"a=%20b&id={OURS}".encode(), Content_Type=FORM), f"a=%20b&id={THEIRS}"),
        (
            request("POST", body=orjson.dumps({"link": f"/orders/{OURS}"}), Content_Type="application/json"),
            f'{{"link":"/orders/{THEIRS}"}}',
        ),
    ],
)
def test_a_value_is_recognised_wherever_it_turns_up(
    mirror: SessionMirror, asked: RequestSnapshot, expected: str
) -> None:
    mirror.learn(request(), as_json({"id": OURS}), as_json({"id": THEIRS}))
    copy = mirror.rewrite(asked)
    texts = [copy.target, copy.body.decode(), *(value.decode() for _, value in copy.headers)]
    assert expected in texts


@pytest.mark.parametrize(
    ("primary", "other"),
    [
        (as_json({"a": [{"id": OURS}]}), as_json({"a": [{"id": THEIRS}]})),
        (
            answer(f'<input type="hidden" name="t" value="{OURS}">', "text/html"),
            answer(f"<input name=t type=hidden value={THEIRS}>", "text/html"),
        ),
        (
            answer(f'<meta name="t" content="{OURS}">', "text/html"),
            answer(f'<meta name="t" content="{THEIRS}">', "text/html"),
        ),
        (
            answer(f'data: {{"id": "{OURS}"}}\n\n', "text/event-stream"),
            answer(f'data: {{"id":"{THEIRS}"}}\n\n', "text/event-stream"),
        ),
        (
            answer("", "", 302, Location=f"/orders/{OURS}"),
            answer("", "", 302, Location=f"http://x/orders/{THEIRS}"),
        ),
        (answer("", "", 302, Location=f"/o?id={OURS}"), answer("", "", 302, Location=f"/o?id={THEIRS}")),
        (answer("", "", X_Token=OURS), answer("", "", x_token=THEIRS)),
        (answer("", "", Set_Cookie=f"t={OURS}"), answer("", "", Set_Cookie=f"t={THEIRS}")),
    ],
)
def test_where_values_are_learned(mirror: SessionMirror, primary: Observation, other: Observation) -> None:
    mirror.learn(request(), primary, other)
    assert header(mirror.rewrite(request(X_Token=OURS)), b"x-token") == [THEIRS.encode()]


@pytest.mark.parametrize(
    ("primary", "other"),
    [
        ({"a": "short"}, {"a": "other"}),
        ({"a": "same_value"}, {"a": "same_value"}),
        ({"a": 123456}, {"a": 654321}),
        ({"a": OURS}, {"b": THEIRS}),
    ],
)
def test_what_is_not_learned(mirror: SessionMirror, primary: Any, other: Any) -> None:
    mirror.learn(request(), as_json(primary), as_json(other))
    asked = request(
        "POST", f"/{OURS}/short/123456/same_value", b'{"a": "short"}', Content_Type="application/json"
    )
    copy = mirror.rewrite(asked)
    assert (copy.target, copy.body) == (asked.target, asked.body)


def test_a_cookie_follows_its_path_its_age_and_its_deletion() -> None:
    book = MirrorBook(10, 1e9)
    mirror = book.find("s", request(), True, NOW)
    other = Observation(
        "new",
        200,
        (
            (b"Set-Cookie", b"deep=1; Path=/a/b"),
            (b"set-cookie", b"short=1; Path=/; Max-Age=10; Expires=Wed, 01 Jan 2099 00:00:00 GMT"),
            (b"Set-Cookie", b"stays=1; Path=/"),
        ),
        b"",
    )
    mirror.learn(request(), answer(), other)
    assert cookies(mirror.rewrite(request(target="/a/b/c?x=1"))) == ["deep=1", "short=1", "stays=1"]
    assert cookies(mirror.rewrite(request(target="/a/bc"))) == ["short=1", "stays=1"]
    book.find("s", request(), False, NOW + 11)
    assert cookies(mirror.rewrite(request())) == ["stays=1"]
    mirror.learn(request(), answer(), answer(Set_Cookie="stays=; Path=/; Max-Age=0"))
    assert cookies(mirror.rewrite(request())) == []


def test_the_primarys_cookie_is_never_sent_even_in_a_session_that_was_not_seen_to_begin() -> None:
    book = MirrorBook(10, 100)
    book.find("one", request(), True, NOW).learn(request(), answer(Set_Cookie="session=x; Path=/"), answer())
    copy = book.find("two", request(), False, NOW).rewrite(request(Cookie="session=secret; lang=de"))
    assert cookies(copy) == ["lang=de"]


def test_sessions_share_no_values() -> None:
    book = MirrorBook(10, 100)
    one, two = book.find("one", request(), True, NOW), book.find("two", request(), True, NOW)
    one.learn(
        request(), as_json({"t": OURS}, Set_Cookie="session=p"), as_json({"t": THEIRS}, Set_Cookie="sid=o")
    )
    asked = request(X_Token=OURS)
    assert two.rewrite(asked) == RequestSnapshot("GET", "/orders", ((b"X-Token", OURS.encode()),), b"")
    assert book.find("one", request(Cookie="session=p"), False, NOW) is one


def test_two_browsers_of_one_user_have_a_session_each() -> None:
    book = MirrorBook(10, 100, own_cookie="key")
    first = book.find("ann", request(Cookie="key=ann"), True, NOW)
    first.learn(request(), answer(Set_Cookie="session=one"), answer(Set_Cookie="sid=1"))
    second = book.find("ann", request(Cookie="key=ann"), False, NOW)
    second.learn(request(), answer(Set_Cookie="session=two"), answer(Set_Cookie="sid=2"))
    assert second is not first
    assert second.known_from_start, "it shows no cookie yet, so it begins here"
    assert book.find("ann", request(Cookie="key=ann; session=one"), False, NOW) is first
    assert book.find("ann", request(Cookie="session=two; key=ann"), False, NOW) is second
    assert not book.find("ann", request(Cookie="session=three"), False, NOW).known_from_start


class TestLostState:
    MISMATCH = Comparison(Verdict.MISMATCH, Severity.HIGH)
    MATCH = Comparison(Verdict.MATCH)

    def test_a_mismatch_of_a_known_session_stays(self, mirror: SessionMirror) -> None:
        assert settle(self.MISMATCH, mirror) is self.MISMATCH

    def test_a_session_that_began_before_sampling(self) -> None:
        mirror = MirrorBook(10, 100).find("s", SHOWN, False, NOW)
        settled = settle(self.MISMATCH, mirror)
        assert (settled.verdict, settled.severity, bool(settled.reason)) == (Verdict.UNDETERMINED, None, True)
        assert settle(self.MATCH, mirror) is self.MATCH

    def test_a_session_cookie_that_nobody_here_was_seen_to_get(self) -> None:
        book = MirrorBook(10, 100)
        book.find("t", request(), True, NOW).learn(request(), answer(Set_Cookie="session=t"), answer())
        assert book.find("s", request(), True, NOW).known_from_start
        assert not book.find("s", SHOWN, False, NOW).known_from_start

    def test_a_cookie_that_no_application_gives_changes_nothing(self) -> None:
        book = MirrorBook(10, 100)
        mirror = book.find("s", request(), True, NOW)
        assert book.find("s", request(Cookie="lang=de"), False, NOW) is mirror

    def test_an_evicted_session(self) -> None:
        book = MirrorBook(2, 100)
        for key in ("a", "b", "c"):
            book.find(key, request(), True, NOW)
        assert len(book) == 2
        assert not book.find("a", SHOWN, False, NOW).known_from_start

    def test_a_session_beyond_its_time_to_live(self) -> None:
        book = MirrorBook(10, 100)
        book.find("a", request(), True, NOW)
        assert book.find("a", request(), False, NOW + 100).known_from_start
        assert not book.find("a", SHOWN, False, NOW + 201).known_from_start

    def test_the_book_is_bounded_in_bytes(self) -> None:
        book = MirrorBook(1000, 100, max_bytes=20_000)
        for number in range(50):
            mirror = book.find(str(number), request(), True, NOW)
            mirror.learn(request(), as_json({"a": "x" * 2000}), as_json({"a": "y" * 2000}))
            book.find(str(number), request(), False, NOW)
        assert 1 <= len(book) <= 5

    @pytest.mark.parametrize(
        ("method", "primary", "known"),
        [("GET", answer(), True), ("POST", answer(), False), ("GET", answer(Set_Cookie="s=1"), False)],
    )
    def test_an_answer_that_never_came(
        self, method: str, primary: Observation, known: bool, mirror: SessionMirror
    ) -> None:
        mirror.learn(request(method), primary, Observation("new", 0, (), b"", error="timeout"))
        assert mirror.known_from_start is known

    def test_the_first_reason_stays(self, mirror: SessionMirror) -> None:
        mirror.lose("dropped")
        mirror.lose("later")
        assert settle(self.MISMATCH, mirror).reason == "dropped"


def test_a_long_conversation_does_not_push_a_token_out(mirror: SessionMirror) -> None:
    mirror.learn(request(), as_json({"csrf": OURS}), as_json({"csrf": THEIRS}))
    for turn in range(400):
        said = {"text": f"the answer number {turn} of one", "at": f"2024-01-01T00:00:{turn:06}"}
        mirror.learn(
            request(),
            as_json(said),
            as_json({"text": f"another answer {turn}", "at": f"2025-01-01T00:00:{turn:06}"}),
        )
    assert header(mirror.rewrite(request(X_Token=OURS)), b"x-token") == [THEIRS.encode()]
    assert mirror.size() < 500_000


def test_a_body_whose_copy_was_cut_is_left_alone(mirror: SessionMirror) -> None:
    mirror.learn(request(), as_json({"t": OURS}), as_json({"t": THEIRS}))
    cut = RequestSnapshot(
        "POST", "/", ((b"Content-Type", FORM.encode()),), f"t={OURS}".encode(), body_cut=True
    )
    assert mirror.rewrite(cut).body == cut.body
