"""Which fields are secrets, by their names. It must not know values.

A name is split into words at punctuation and capitals, and looked up in the tables below, each row with its
reason. Hiding a field too many costs little, showing one too many cannot be undone; still an ordinary answer
must stay readable, so a word counts as a whole (``session_key``, but not ``keyboard``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType

STRONG: Mapping[str, str] = MappingProxyType(
    {
        "password": "what one logs in with; also userpassword, passwords, passwordHash",
        "passwd": "the same",
        "passphrase": "the same, of a key",
        "token": "whoever holds it is let in; also tokens, csrftoken",
        "secret": "says so itself; also clientSecret",
        "card": "a payment card; also cardNumber, creditcard",
        "ssn": "names a person",
        "email": "names a person",
        "apikey": "lets a program in",
        "credential": "says so itself; also credentials",
        "authorization": "the header of that name, wherever it is repeated",
    }
)
"""A word that starts or ends with one of these hides the field and all below it."""

WEAK: Mapping[str, str] = MappingProxyType(
    {
        "pwd": "a password, in short",
        "pass": "the same",
        "passcode": "the same, of digits",
        "pin": "the same",
        "pincode": "the same",
        "otp": "a password for one time",
        "totp": "the same",
        "mfa": "the same",
        "auth": "what one is let in with; an object of that name is looked into",
        "key": "api_key, access_key, privateKey, Subscription-Key; but see PLAIN_KEYS",
        "sig": "signs a link, so it opens what is behind it",
        "signature": "the same",
        "hmac": "the same",
        "session": "whoever holds its id is that person; an object of that name is looked into",
        "sessionid": "the same, written as one word",
        "jsessionid": "the same, as Java names it",
        "phpsessid": "the same, as PHP names it",
        "sessid": "the same, in short",
        "sess": "the same, in short",
        "sid": "the same, in short",
        "csrf": "a token against forged requests",
        "xsrf": "the same",
        "jwt": "a signed token",
        "bearer": "a token by its scheme",
        "cookie": "what a session is held by",
        "cvv": "the number on the back of a card",
        "cvc": "the same",
        "iban": "a bank account",
        "authcode": "a password for one time",
        "accesscode": "the same",
        "verificationcode": "the same",
        "confirmationcode": "the same",
        "activationcode": "the same",
        "recoverycode": "the same",
        "securitycode": "the same, or that of a card",
        "resetcode": "the same",
        "devicecode": "the same, of OAuth",
        "codeverifier": "proves who began an OAuth login",
        "privatekey": "written as one word",
        "accesskey": "the same",
        "secretkey": "the same",
    }
)
"""One of these as the last words of a name (but for ``TAILS``) hides a text or a number, no object."""

IN_PAIRS: Mapping[str, str] = MappingProxyType(
    {
        "code": "the grant of OAuth; in JSON it names errors and countries, and stays readable",
        "assertion": "the same, signed",
        "samlresponse": "the same, of SAML",
        "samlrequest": "the same",
        "ticket": "the same, of CAS",
        "nonce": "ties a login to a browser",
        "pw": "a password, in short",
    }
)
"""Whole names that are secrets in a query or a form only."""

IN_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "auth": "X-Auth, X-Forwarded-Authorization",
        "token": "X-Csrf-Token",
        "secret": "X-Client-Secret",
        "key": "X-Api-Key, Ocp-Apim-Subscription-Key",
        "session": "X-Session-Id",
        "signature": "X-Hub-Signature-256",
        "cookie": "an unusual spelling of one",
    }
)
"""Anywhere in the name of a header field: nobody reads a difference there but a machine."""

SECRET_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "authorization": "authorization",
        "proxy-authorization": "authorization",
        "x-api-key": "apikey",
        "api-key": "apikey",
        "x-auth-token": "token",
    }
)
"""Fields whose whole value is a secret, with the words of their tokens; Cookie and Set-Cookie are treated
apart, as the names of cookies stay.
"""

PLAIN_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "www-authenticate": "a challenge is said to everybody, and is compared",
        "proxy-authenticate": "the same",
        "author": "names a writer",
    }
)
"""Fields that only look like secrets."""

PLAIN_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "public": "made to be shown",
        "primary": "of a table",
        "foreign": "the same",
        "sort": "of a list",
        "partition": "of a table",
        "cache": "of a cache",
        "translation": "of a text",
        "message": "the same",
    }
)
"""Words before ``key`` that make it none to a door."""

TAILS = frozenset({"id", "value", "hash", "data", "text", "number", "code", "base64", "b64", "hex", "str"})
"""Words after a weak one that still mean the same secret: ``session_id``, ``pin_code``, ``access_key_id``."""

TOKEN = re.compile(r"<[a-z0-9_.-]+:[0-9a-f]{12}>")
SAID = re.compile(rf"{TOKEN.pattern}|⟨[a-z]+(?:-[a-z0-9]+)*+⟩")
"""A token, or the placeholder of a recording: neither is a secret any more."""

NAMED_BY = ("name", "key", "field", "param", "path", "loc", "property", "id", "type")
"""Fields that name another one: ``{"name": "password", "value": …}``."""

HOLDS = ("value", "values", "val", "input", "rejectedValue", "invalidValue", "content", "defaultValue")
"""The fields that are named so. Where only their path is known, not what stands beside them, they are hidden
in lists.
"""

_BOUNDARY = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_MAX_KNOWN = 4096
_MAX_NAME = 256


class Place(Enum):
    """Where a name stands."""

    FIELD = "field"
    PAIR = "pair"
    HEADER = "header"


class SecretNames:
    """Looks names up, and remembers them: the names of an application's fields are few."""

    __slots__ = ("_known", "words")

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self.words = (*STRONG, *(_joined(name) for name in extra if _joined(name)))
        self._known: dict[tuple[str, Place, bool], str] = {}

    def label(self, name: str, place: Place = Place.FIELD) -> str:
        """The word that makes the text or number under ``name`` a secret, or an empty string."""
        return self._remembered(name, place, deep=False)

    def deep_label(self, name: str) -> str:
        """The word that makes everything under ``name`` a secret, objects too, or an empty string."""
        return self._remembered(name, Place.FIELD, deep=True)

    def _remembered(self, name: str, place: Place, *, deep: bool) -> str:
        asked = (name[-_MAX_NAME:], place, deep)
        known = self._known.get(asked)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[asked] = self._search(*asked)
        return known

    def _search(self, name: str, place: Place, deep: bool) -> str:
        words = [word.lower() for word in _BOUNDARY.split(name) if word]
        if place is Place.HEADER and name.lower() in PLAIN_HEADERS:
            return ""
        found = self._strong(words)
        if found or deep:
            return found
        if place is Place.HEADER:
            found = next((each for each in IN_HEADERS if each in name.lower()), "")
        if place is Place.PAIR and "".join(words) in IN_PAIRS:
            return "".join(words)
        return found or _weak(words)

    def _strong(self, words: list[str]) -> str:
        for candidate in (*words, "".join(words)):
            for secret in self.words:
                if candidate.startswith(secret) or candidate.endswith(secret):
                    return secret
        return ""


def _weak(words: list[str]) -> str:
    """The weak word that ``words`` end with, read as they are and without their tail."""
    while words:
        before, last = words[-2:-1], words[-1].rstrip("0123456789")
        if last in WEAK:
            return "" if last == "key" and before and before[0] in PLAIN_KEYS else last
        if before and (joined := before[0] + last) in WEAK:
            return joined
        if last and last not in TAILS and words[-1] not in TAILS:
            return ""
        words = words[:-1]
    return ""


def _joined(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())
