"""Keys that users carry on when an application changes its cookie."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.headers import read_request_fields
from gateway.sessions import CarriedKeys, StickyKey, StickyKeys

CARRIED = CarriedKeys(b"a secret of some length")
STICKY = StickyKeys(
    ["cookie:session", "cookie:other", "header:X-User"], "banyan_key", lambda: "0" * 32, CARRIED
)
ANN = StickyKey("s1", False, "cookie:session")


@given(st.text(st.characters(max_codepoint=255), min_size=1, max_size=256))
def test_what_was_closed_is_opened_again_and_hidden_meanwhile(key: str) -> None:
    """The same key always gives the same text, and no other secret opens it."""
    closed = CARRIED.close(key)
    assert closed is not None
    assert closed == CarriedKeys(b"a secret of some length").close(key)
    assert CARRIED.open(closed) == key
    assert CarriedKeys(b"another secret of length").open(closed) is None
    if len(key) > 8:
        assert key.encode("latin-1") not in closed


@given(st.data())
def test_nothing_that_was_altered_opens(data: st.DataObject) -> None:
    """Nor anything that was made up."""
    closed = CARRIED.close("session value 123") or b""
    at = data.draw(st.integers(0, len(closed) - 1))
    put = data.draw(st.binary(max_size=2).filter(lambda one: one != closed[at : at + 1]))
    assert CARRIED.open(closed[:at] + put + closed[at + 1 :]) is None
    assert CARRIED.open(data.draw(st.binary(max_size=80))) is None


def test_a_key_that_is_too_long_stays_where_it_is() -> None:
    """A cookie has little room."""
    assert CARRIED.close("x" * 257) is None


def carry(key: StickyKey, *cookies: bytes) -> bytes:
    return STICKY.carry(key, cookies, secure=False)


def test_it_goes_out_when_the_cookie_of_the_key_is_replaced_and_only_then() -> None:
    """Not when it is sent again, ended, or another one."""
    closed = CARRIED.close("s1") or b""
    line = b"Set-Cookie: banyan_key=%b; Path=/%b; HttpOnly; SameSite=Lax\r\n"
    assert carry(ANN, b"session=s2; Path=/; HttpOnly") == line % (closed, b"")
    assert carry(ANN, b"x=1", b"session=s2; Max-Age=60; Path=/") == line % (closed, b"; Max-Age=60")
    until = b"Thu, 01 Jan 2099 00:00:00 GMT"
    assert carry(ANN, b"session=s2; expires=" + until) == line % (closed, b"; Expires=" + until)
    for cookie in (
        b"session=s1; Max-Age=60",
        b"session=; Max-Age=0",
        b"session=gone; Max-Age=0",
        b"session=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        b"other=s2",
        b"nothing",
    ):
        assert carry(ANN, cookie) == b"", cookie
    assert carry(StickyKey("u1", False, "header:X-User"), b"session=s2") == b""
    assert carry(StickyKey("0" * 32, False, "cookie:banyan_key"), b"session=s2") == b""
    assert b"; Secure" in STICKY.carry(ANN, [b"session=s2"], secure=True)


def test_a_carried_key_wins_and_lasts_as_long_as_the_newest_cookie() -> None:
    """Over the application's own, whatever that has become."""
    closed = CARRIED.close("s1") or b""
    found = STICKY.find(
        read_request_fields([(b"Host", b"a"), (b"Cookie", b"session=s3; banyan_key=" + closed)])
    )
    assert found[:4] == StickyKey("s1", False, "cookie:banyan_key", True)[:4]
    assert closed in carry(found, b"session=s3; Max-Age=60")
    plain = StickyKeys(["cookie:session"], "banyan_key", lambda: "0" * 32)
    cookie = (b"Cookie", b"session=s3; banyan_key=" + closed)
    assert plain.find(read_request_fields([(b"Host", b"a"), cookie])).value == "s3"
    assert plain.carry(ANN, [b"session=s2"], secure=False) == b""
