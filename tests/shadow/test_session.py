"""The mirror of a session: cookies and values of the other side, many turns, and what is given up."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from shadow import (
    IN_TWO,
    LEFT_OUT,
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

JSON = "application/json"
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


def test_a_cookie_that_all_sessions_are_given_tells_none_of_them_from_another() -> None:
    """A language is the same in two browsers of one user; the session beside it is not."""
    book = MirrorBook(10, 100)
    first = book.find("ann", request(), True, NOW)
    given = ["lang=en", "session=number-one"]
    for value in given:
        first.learn(request(), answer(Set_Cookie=value), answer(Set_Cookie=value))
    second = book.find("ann", request(), True, NOW)
    for value in ("lang=en", "session=number-two"):
        second.learn(request(), answer(Set_Cookie=value), answer(Set_Cookie=value))
    assert second is not first
    for _ in range(2):
        assert book.find("ann", request(Cookie="lang=en; session=number-one"), False, NOW) is first
        assert book.find("ann", request(Cookie="lang=en; session=number-two"), False, NOW) is second
        assert book.find("ann", request(Cookie="lang=de; session=number-one"), False, NOW) is first
    other = book.find("ann", request(Cookie="lang=en; session=number-three"), False, NOW)
    assert not other.known_from_start


def test_a_session_that_was_seen_before_it_was_given_its_cookie_is_not_known() -> None:
    """The request that was given the cookie comes behind one that shows it already, and is given it as well,
    as where its age is renewed with each answer: one session in two mirrors, of which each knows a half.
    """
    book = MirrorBook(10, 100)
    given = answer(Set_Cookie="session=number-one")
    shows = request(Cookie="session=number-one")
    book.find("ann", shows, False, NOW).learn(shows, given, given)
    late = book.find("ann", request(), True, NOW)
    late.learn(request(), given, given)
    for _ in range(2):
        found = book.find("ann", shows, False, NOW)
        assert (found.known_from_start, found.lost) == (False, IN_TWO)


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

    def test_a_value_that_only_the_primary_gave(self, mirror: SessionMirror) -> None:
        """A read that the other side did not answer costs nothing, until what it gave is shown again."""
        silent = Observation("new", 0, (), b"", error="timeout")
        given = as_json({"user": "u42", "orders": [{"id": 17}], "token": OURS})
        mirror.learn(request(target="/form", X_User="u42"), given, silent)
        for harmless in (
            request(target="/form", X_User="u42"),
            request("POST", body=b'{"note": "orders"}', X_User="u42"),
        ):
            mirror.rewrite(harmless)
            assert mirror.known_from_start
        resumed = SessionMirror.resumed(mirror.state(), set())
        for each, shows in (
            (mirror, request("POST", "/form", f"token={OURS}".encode(), Content_Type=FORM)),
            (resumed, request(target="/orders/17")),
        ):
            each.rewrite(shows)
            assert not each.known_from_start
            assert "did not give" in each.lost

    @pytest.mark.parametrize(("shows", "is_value"), [
        (request(Upgrade_Insecure_Requests="1", DNT="1", Priority="u=1, i", Sec_Fetch_User="?1"), False),
        (request(Sec_CH_UA='"Chromium";v="123456"', Origin="http://127.0.0.1:8080"), False),
        (request("POST", "/cart?page=1", b'{"amount": 12, "paid": 1}', Content_Type=JSON), False),
        (request("POST", "/cart", b"note=version+1", Content_Type=FORM), False),
        (request(target="/orders/12"), True),
        (request(target="/orders?order_id=1"), True),
        (request("POST", "/cart", b'{"orderIds": [4, 12]}', Content_Type=JSON), True),
        (request("POST", "/cart", b'{"order": {"id": "A1"}}', Content_Type=JSON), True),
        (request("POST", "/cart", b"ref=ord-1234", Content_Type=FORM), True),
        (request(target="/orders/X-1"), True),
        (request("POST", "/cart", b"number=123456", Content_Type=FORM), True),
        (request(X_Number="123456"), True),
    ])  # fmt: skip
    def test_a_short_word_is_a_value_where_it_identifies_something(
        self, mirror: SessionMirror, shows: RequestSnapshot, is_value: bool
    ) -> None:
        """A browser says 1 with every page; a 1 elsewhere would not have been translated either."""
        given = {"unread": 1, "of": 12, "code": "A1", "ref": "ord-1234", "n": 123456, "at": "127.0.0.1:8080"}
        silent = Observation("new", 0, (), b"", error="timeout")
        mirror.learn(request(target="/mails"), as_json(given), silent)
        mirror.rewrite(shows)
        assert mirror.known_from_start is not is_value

    def test_a_value_that_both_gave_in_the_end(self, mirror: SessionMirror) -> None:
        silent = Observation("new", 0, (), b"", error="timeout")
        mirror.learn(request(target="/form"), as_json({"token": OURS}), silent)
        mirror.learn(request(target="/form"), as_json({"token": OURS}), as_json({"token": THEIRS}))
        copy = mirror.rewrite(request("POST", "/form", f"token={OURS}".encode(), Content_Type=FORM))
        assert copy.body == f"token={THEIRS}".encode()
        assert mirror.known_from_start

    def test_more_values_than_can_be_kept(self, mirror: SessionMirror) -> None:
        silent = Observation("new", 0, (), b"", error="timeout")
        mirror.learn(request(target="/many"), as_json(list(range(5000))), silent)
        assert not mirror.known_from_start

    def test_the_same_values_are_kept_once_however_often_they_come(self, mirror: SessionMirror) -> None:
        silent = Observation("new", 0, (), b"", error="timeout")
        for _ in range(5):
            mirror.learn(request(target="/many"), as_json(list(range(100_000, 101_500))), silent)
        assert mirror.known_from_start
        mirror.learn(request(target="/others"), as_json(list(range(200_000, 201_500))), silent)
        assert not mirror.known_from_start

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


@pytest.mark.parametrize("theirs", ["a\r\nX-More: 1", "a\0b", "a\x7fb", "\ud800", "Grüße \u0101"])
def test_what_a_field_cannot_hold_is_not_put_into_one(mirror: SessionMirror, theirs: str) -> None:
    ours = "a value of words"
    primary = answer(orjson.dumps({"a": ours}).decode(), "application/json")
    other = answer(json.dumps({"a": theirs}), "application/json")
    mirror.learn(request(), primary, other)
    copy = mirror.rewrite(request(X_Name=ours, Cookie=f"mine={ours}"))
    assert header(copy, b"x-name") == [ours.encode()]
    assert cookies(copy) == [f"mine={ours}"]


@pytest.mark.parametrize("theirs", ["a;b=c", " a", "a\tb"])
def test_what_would_end_a_cookie_is_not_put_into_one(mirror: SessionMirror, theirs: str) -> None:
    mirror.learn(request(), as_json({"a": OURS}), as_json({"a": theirs}))
    copy = mirror.rewrite(request(X_Name=OURS, Cookie=f"mine={OURS}"))
    assert header(copy, b"x-name") == [theirs.encode()]
    assert cookies(copy) == [f"mine={OURS}"]


@pytest.mark.parametrize("theirs", [".", "..", "\ud800"])
def test_what_would_be_a_step_in_a_path_is_not_put_into_one(mirror: SessionMirror, theirs: str) -> None:
    other = answer(json.dumps({"a": theirs, "order_id": theirs}), "application/json")
    mirror.learn(request(), as_json({"a": OURS, "order_id": "17"}), other)
    assert mirror.rewrite(request(target=f"/x/{OURS}/orders/17")).target == f"/x/{OURS}/orders/17"


def test_any_text_is_put_where_it_can_be_told(mirror: SessionMirror) -> None:
    """A line end is nothing special in a query, a form or JSON."""
    ours, theirs = "one line of text", "two\r\nlines; of text"
    mirror.learn(request(), as_json({"a": ours}), as_json({"a": theirs}))
    asked = request("POST", "/x?a=one%20line%20of%20text", orjson.dumps({"a": ours}), Content_Type=JSON)
    copy = mirror.rewrite(asked)
    assert copy.target == "/x?a=two%0D%0Alines%3B+of+text"
    assert orjson.loads(copy.body) == {"a": theirs}


@pytest.mark.parametrize(
    ("begins", "after", "is_known"),
    [
        pytest.param(True, -1.0, False, id="it began before the loss"),
        pytest.param(True, 1.0, True, id="it began after it"),
        pytest.param(False, 1.0, False, id="it may have begun before it"),
        pytest.param(False, 59.0, False, id="it may still"),
        pytest.param(False, 61.0, True, id="a session of then would be forgotten by now"),
    ],
)
def test_a_loss_touches_sessions_that_are_only_seen_later(begins: bool, after: float, is_known: bool) -> None:
    book = MirrorBook(10, 60.0)
    book.lose_all("something was lost", NOW)
    mirror = book.find("user", request(), begins, NOW + after)
    assert mirror.known_from_start is is_known
    assert mirror.lost == ("" if is_known else "something was lost")
    left_out = MirrorBook(10, 60.0).find("user", request(), begins, NOW + after, out_until=NOW)
    assert left_out.known_from_start is is_known
    assert left_out.lost == ("" if is_known else LEFT_OUT)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_next_session_of_a_user_who_did_something_unseen_is_not_known(elsewhere: bool) -> None:
    """Of one that shows no cookie, too; and in the process that goes on with it."""
    book = MirrorBook(10, 60.0)
    for key in ("ann", "bob"):
        book.find(key, request(), True, NOW).learn(request(), answer(Set_Cookie="sid=one"), answer())
    book.lose("ann", "a write was not shadowed", NOW + 1)
    if elsewhere:
        states = {key: book.state(key, "") or b"" for key in ("ann", "bob")}
        book = MirrorBook(10, 60.0)
        assert all(book.resume(key, state, "") for key, state in states.items())
    mirror = book.find("ann", request(), False, NOW + 50)
    assert (mirror.known_from_start, mirror.lost) == (False, "a write was not shadowed")
    assert book.find("bob", request(), False, NOW + 50).known_from_start


def test_whoever_shows_a_cookie_of_the_primary_does_not_begin() -> None:
    """The gateway may be new to a session, or its cookie gone: what it minted says nothing then."""
    book = MirrorBook(10, 100)
    book.find("one", request(), True, NOW).learn(request(), answer(Set_Cookie="sid=one"), answer())
    assert book.find("two", request(Cookie="seen=yes"), True, NOW).known_from_start
    assert not book.find("three", request(Cookie="seen=yes; sid=other"), True, NOW).known_from_start


def test_a_loss_touches_every_session_that_is_there() -> None:
    book = MirrorBook(10, 60.0)
    mirror = book.find("user", request(), True, NOW - 5)
    book.lose_all("something was lost", NOW)
    assert not mirror.known_from_start


def test_a_session_without_cookies_that_was_let_go_does_not_begin_afresh() -> None:
    """By its age, or for want of room: nobody knows any more what the other side was told."""
    book = MirrorBook(2, 3600.0)
    plain, write = request(), request("POST")
    for key in ("wrote", "learned", "missed", "lost"):
        mirror = book.find(key, write if key == "wrote" else plain, begins=False, now=NOW)
        assert mirror.known_from_start
        if key == "wrote":
            mirror.write_ended = NOW
        if key == "learned":
            mirror.learn(plain, as_json({"id": OURS}), as_json({"id": THEIRS}))
        if key == "missed":
            mirror.learn(plain, as_json({"id": OURS}), Observation("new", 0, (), b"", error="timeout"))
            assert mirror.known_from_start
        if key == "lost":
            mirror.lose("an exchange of the session was dropped under load")
    assert "wrote" not in book, "there was no room"
    later = NOW + 4000
    for key in ("wrote", "learned", "missed", "lost"):
        for at in (later, later + 1, later + 8000):
            mirror = book.find(key, plain, begins=False, now=at)
            assert not mirror.known_from_start, key
            assert mirror.lost == "what was known of the session was let go meanwhile"
    assert book.find("another", plain, begins=False, now=later).known_from_start


def test_a_session_that_only_looked_begins_afresh() -> None:
    book = MirrorBook(100, 3600.0)
    assert book.find("one", request(), begins=False, now=NOW).known_from_start
    assert book.find("one", request(), begins=False, now=NOW + 4000).known_from_start


def test_what_another_process_goes_on_with_was_not_let_go() -> None:
    book = MirrorBook(100, 3600.0)
    book.find("one", request(), begins=False, now=NOW).write_ended = NOW
    book.forget(lambda _: True)
    assert book.find("one", request(), begins=False, now=NOW + 1).known_from_start
