"""Redaction: planted secrets are gone in every spelling, and equal stays equal."""

from __future__ import annotations

import base64
import gzip
from urllib.parse import quote

import msgspec
import orjson
import pytest

from shadow import Observation, Redactor, RequestSnapshot
from shadow.secret_names import SecretNames

REDACTOR = Redactor(b"a key", extra_names=["phone number"])
SECRET = "Zq9-planted_secret/77+x"


def gone(content: bytes) -> bool:
    spellings = (SECRET, quote(SECRET), quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode())
    return not any(spelling.encode() in content for spelling in spellings)


REQUESTS = {
    "authorization": RequestSnapshot("GET", "/", ((b"Authorization", f"Bearer {SECRET}".encode()),), b""),
    "cookie": RequestSnapshot("GET", "/", ((b"cookie", f"a={SECRET}; b={SECRET}".encode()),), b""),
    "api key": RequestSnapshot("GET", "/", ((b"X-API-Key", SECRET.encode()),), b""),
    "csrf header": RequestSnapshot("GET", "/", ((b"X-CSRF-Token", SECRET.encode()),), b""),
    "referer": RequestSnapshot("GET", "/", ((b"Referer", f"http://x/?token={SECRET}".encode()),), b""),
    "query": RequestSnapshot("GET", "/x?a=1&access_token=" + quote(SECRET, safe=""), (), b""),
    "form": RequestSnapshot(
        "POST",
        "/",
        ((b"Content-Type", b"application/x-www-form-urlencoded"),),
        b"password=" + quote(SECRET).encode(),
    ),
    "json": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), orjson.dumps({"a": [{"newPassword": SECRET}]})
    ),
    "json below a name": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), orjson.dumps({"token": {"parts": [SECRET]}})
    ),
    "extra name": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), orjson.dumps({"home_phone_number": SECRET})
    ),
    "broken json": RequestSnapshot(
        "POST", "/", ((b"Content-Type", b"application/json"),), b'{"password": "' + SECRET.encode() + b'"'
    ),
    "multipart": RequestSnapshot(
        "POST",
        "/",
        ((b"Content-Type", b'multipart/form-data; boundary="Xy"'),),
        b'--Xy\r\nContent-Disposition: form-data; name="user_password"\r\n\r\n'
        + SECRET.encode()
        + b"\r\n--Xy--\r\n",
    ),
    "gzip": RequestSnapshot(
        "POST",
        "/",
        ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")),
        gzip.compress(orjson.dumps({"password": SECRET})),
    ),
    "text": RequestSnapshot("POST", "/", ((b"Content-Type", b"text/plain"),), f"secret: {SECRET}\n".encode()),
}


@pytest.mark.parametrize("place", REQUESTS)
def test_a_planted_secret_is_gone(place: str) -> None:
    assert gone(msgspec.json.encode(_plain(REDACTOR.request(REQUESTS[place]))))


def _plain(request: RequestSnapshot) -> list[str]:
    """Everything in it as text, as base64 would hide a secret from the search."""
    headers = [f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in request.headers]
    return [request.target, *headers, request.body.decode("latin-1")]


def test_an_answer_is_redacted_too() -> None:
    answer = Observation(
        "new",
        200,
        ((b"Set-Cookie", f"sid={SECRET}; Path=/; HttpOnly".encode()), (b"Content-Type", b"application/json")),
        orjson.dumps({"email": "ann@shop.example", "note": "write to ann@shop.example", "n": 1}),
    )
    clean = REDACTOR.observation(answer)
    token = REDACTOR.token("email", "ann@shop.example")
    assert clean.headers[0][1].startswith(b"sid=<cookie:")
    assert clean.headers[0][1].endswith(b">; Path=/; HttpOnly")
    assert orjson.loads(clean.body) == {"email": token, "note": f"write to {token}", "n": 1}


def test_equal_stays_equal_and_different_stays_different() -> None:
    one, other = REDACTOR.value({"token": "a"}), REDACTOR.value({"token": "b"})
    assert one == REDACTOR.value({"token": "a"}) == Redactor(b"a key").value({"token": "a"})
    assert one != other
    assert one != Redactor(b"another key").value({"token": "a"})
    assert REDACTOR.value({"card": 4111}) != REDACTOR.value({"card": "4111"})


@pytest.mark.parametrize("place", REQUESTS)
def test_twice_changes_nothing(place: str) -> None:
    once = REDACTOR.request(REQUESTS[place])
    assert REDACTOR.request(once) == once


def test_a_multipart_body_keeps_everything_else() -> None:
    body = (
        b'--Xy\r\nContent-Disposition: form-data; name="photo"; filename="token.png"\r\n\r\n'
        b"\x89PNG password=x\r\n"
        b'--Xy\r\nContent-Disposition: form-data; name="title"\r\n\r\nmine\r\n--Xy--\r\n'
    )
    assert REDACTOR.body(body, "multipart/form-data; boundary=Xy") == body


def test_what_is_no_secret_stays_byte_for_byte() -> None:
    body = b'{ "b": 1, "a": "\\u3042" }\n'
    assert REDACTOR.body(body, "application/json") == body
    assert REDACTOR.body(b"a=%20b&c=+", "application/x-www-form-urlencoded") == b"a=%20b&c=+"
    assert REDACTOR.body(b"\x00\xffpassword=x", "image/png") == b"\x00\xffpassword=x"
    assert REDACTOR.target("/a%20b?x=%41") == "/a%20b?x=%41"


@pytest.mark.parametrize(
    "text",
    [
        "mail ann@shop.example now",
        "Bearer abcdef123456",
        "eyJhbGciOi.eyJzdWIi.c2ln",
        "4111 1111 1111 1111",
        'x password="hunter2"',
    ],
)
def test_secrets_in_free_text(text: str) -> None:
    clean = REDACTOR.text(text)
    assert clean != text
    assert "<" in clean
    assert REDACTOR.text(clean) == clean


def test_names() -> None:
    names = SecretNames(["session-id"])
    secret = [
        "password",
        "PASSWORD",
        "csrf_token",
        "accessToken",
        "card-number",
        "cardNumber",
        "userEmail",
        "ssn",
        "api_key",
        "sessionId",
    ]
    harmless = ["message", "status", "broken", "assign", "id", "discount", "timestamp", ""]
    assert [name for name in secret if not names.label(name)] == []
    assert [name for name in harmless if names.label(name)] == []
    assert names.label("csrf_token") == "token"
