"""The sticky key: found in the configured order, or minted."""

from itertools import count

import pytest

from gateway.core.headers import RequestFacts, read_request_fields
from gateway.sessions import StickyKeys

OWN = b"0123456789abcdef0123456789abcdef"


def keys(*names: str) -> StickyKeys:
    """Keys that mint 000…0, 000…1 and so on."""
    numbers = count()
    return StickyKeys(names, "banyan_key", lambda: f"{next(numbers):032x}")


def facts(*fields: tuple[bytes, bytes]) -> RequestFacts:
    """Of a request with these fields."""
    return read_request_fields([(b"Host", b"a"), *fields])


@pytest.mark.parametrize(
    ("fields", "value", "source"),
    [
        ([(b"Cookie", b"session=s1")], "s1", "cookie:session"),
        ([(b"X-User", b"u1")], "u1", "header:X-User"),
        ([(b"x-user", b"u1"), (b"Cookie", b"session=s1")], "s1", "cookie:session"),
        ([(b"Cookie", b"session="), (b"X-User", b"u1")], "u1", "header:X-User"),
        ([(b"Cookie", b"banyan_key=" + OWN + b"; session=s1")], OWN.decode(), "cookie:banyan_key"),
        ([(b"Cookie", b"banyan_key=forged; session=s1")], "s1", "cookie:session"),
        ([(b"Cookie", b"session=caf\xe9")], "caf\xe9", "cookie:session"),
        ([(b"Cookie", b"session=" + b"x" * 513), (b"X-User", b"u1")], "u1", "header:X-User"),
    ],
)
def test_found(fields: list[tuple[bytes, bytes]], value: str, source: str) -> None:
    """Our own cookie first: a session that begins later must not move its user."""
    key = keys("cookie:session", "header:X-User").find(facts(*fields))
    assert (key.value, key.source, key.minted) == (value, source, False)


def test_minted_when_there_is_none() -> None:
    """A new one each time."""
    sticky = keys("cookie:session")
    first, second = sticky.find(facts()), sticky.find(facts())
    assert (first.minted, second.minted) == (True, True)
    assert first.value != second.value


def test_a_minted_key_is_found_again() -> None:
    """What is set as a cookie comes back as the same key."""
    sticky = keys("cookie:session")
    minted = sticky.find(facts())
    line = sticky.set_cookie(minted, secure=False)
    assert line == (
        b"Set-Cookie: banyan_key=%b; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax\r\n"
        % minted.value.encode()
    )
    again = sticky.find(facts((b"Cookie", line[12:].partition(b";")[0])))
    assert (again.value, again.minted) == (minted.value, False)
    assert b"; Secure\r\n" in sticky.set_cookie(minted, secure=True)


def test_what_an_answer_depends_on() -> None:
    """Every place where a key is looked for."""
    assert keys("cookie:session").vary == b"Vary: Cookie\r\n"
    assert keys("cookie:session", "header:X-User").vary == b"Vary: Cookie, X-User\r\n"
