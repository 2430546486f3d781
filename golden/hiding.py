"""Replaces secrets by tokens and leaves alone what is none any more; it must not know requests or answers.

shadow's redaction goes by names and by forms. Here a name often stands beside a placeholder, a reference or a
token: those say what a value is without telling it, and stay readable.
"""

import re
from typing import Any

from golden import volatile
from golden.fields import hide_fields
from shadow import BEFORE_A_SECRET, Redactor, hidden_in_path, opens_something

_SAID = re.compile(
    r"<[\w.-]+:[0-9a-f]{12}>|⟨origin⟩|\{[A-Za-z_]\w*(?::json)?\}|\b(?:Bearer|Basic|Token)\b", re.I
)
TOKEN = re.compile(r"<([a-z0-9_.-]+):[0-9a-f]{12}>")
_WORDS = re.compile(r"\{[A-Za-z_]\w*(?::json)?\}|⟨[a-z0-9-]+⟩")
_SHORTEST = 8  # a shorter segment is a number or a word
_BETWEEN = re.compile(r"[\s.,:;=&?/-]*")


class ForExcerpts(Redactor):
    """For excerpts of scrubbed answers: hiding a placeholder by its name again would only hide the reason."""

    def pair(self, path: tuple[str, ...], control: Any, candidate: Any) -> tuple[Any, Any]:
        """Both values as they are."""
        return control, candidate


class Hider:
    """Hides with one key; `names` are further names of fields to hide."""

    def __init__(self, key: bytes, names: tuple[str, ...]) -> None:
        # What is in a path has to be sent again, so it is given as a reference, not hidden.
        self._redactor = Redactor(key, extra_names=names, paths=False)
        self.key_name = self._redactor.token("key", "name").strip("<>").rpartition(":")[2]

    def value(self, value: Any) -> Any:
        """A JSON-like value without secrets, in its keys neither."""
        value = self._keys(value)
        hidden = self._redactor.value(value)
        return value if hidden == value else self._restore(value, hidden)

    def named(self, name: str, value: str) -> str:
        """One value that stands under a name."""
        return str(self._restore(value, str(self._redactor.value(value, name))))

    def text(self, text: str, content_type: str = "text/plain") -> str:
        """A body, or any other text."""
        if "html" in content_type.lower():
            text = hide_fields(
                text, lambda name, value: self.named(name, volatile.normalise_text(value, name))
            )
        if "form-urlencoded" in content_type.lower():
            return self._fields(text)
        hidden = self._redactor.body(text.encode(), content_type).decode("utf-8", "replace")
        return self._told_again(text, hidden) if hidden != text else text

    def _told_again(self, text: str, hidden: str) -> str:
        """`hidden` with the references and placeholders of `text` that were hidden for where they stand."""
        said = {match[0] for match in _WORDS.finditer(text)}

        def put(match: re.Match[str]) -> str:
            return next((one for one in said if self._redactor.token(match[1], one) == match[0]), match[0])

        return TOKEN.sub(put, hidden) if said else hidden

    def header(self, name: str, value: str) -> str:
        """One header's value."""
        if is_harmless(value):
            return value
        field = (name.encode("latin-1", "replace"), value.encode())
        ((_, hidden),) = self._redactor.headers((field,))
        return hidden.decode("utf-8", "replace")

    def target(self, target: str) -> str:
        """A request's target: its path as text, each value of its query by its name."""
        path, mark, query = target.partition("?")
        segments = self.text(hidden_in_path(path, self.text)).split("/")
        path = "/".join(
            self._redactor.token("token", one) if _opens(before, one) else one
            for before, one in zip(["", *segments], segments, strict=False)
        )
        return path + mark + (self._fields(query) if mark else "")

    def _fields(self, text: str) -> str:
        fields = [field.partition("=") for field in text.split("&")]
        return "&".join(
            name + equals + (self.named(name, value) if value else "") for name, equals, value in fields
        )

    def _restore(self, value: Any, redacted: Any) -> Any:
        """`redacted`, but with what was harmless in `value` where redaction hid it by its name."""
        if isinstance(value, dict) and isinstance(redacted, dict) and len(value) == len(redacted):
            pairs = zip(value.items(), redacted.items(), strict=True)
            return {
                key if is_harmless(key) else other_key: self._restore(item, other)
                for (key, item), (other_key, other) in pairs
            }
        if isinstance(value, list) and isinstance(redacted, list) and len(value) == len(redacted):
            return [self._restore(item, other) for item, other in zip(value, redacted, strict=True)]
        if not isinstance(value, str) or value == redacted:
            return redacted
        if is_harmless(value):
            return value
        return self._told_again(value, redacted) if isinstance(redacted, str) else redacted

    def _keys(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._key(key): self._keys(item) for key, item in value.items()}
        return [self._keys(item) for item in value] if isinstance(value, list) else value

    def _key(self, key: str) -> str:
        # An address or a token may be a key; the name of a field, such as "password", is none.
        return self.text(key) if "@" in key or len(key) > 32 else key


def _opens(before: str, segment: str) -> bool:
    """Whether a segment of a path is what a letter or another device has handed over: `/reset/9f3a…`."""
    return (
        before.lower() in BEFORE_A_SECRET
        and len(segment) >= _SHORTEST
        and not is_harmless(segment)
        and any(each.isdecimal() for each in segment)
        and any(each.isalpha() for each in segment)
        and opens_something(segment, before)
    )


def is_harmless(text: str) -> bool:
    """Whether nothing is said but placeholders, references and tokens."""
    return _BETWEEN.fullmatch(_SAID.sub("", volatile.without_placeholders(text))) is not None


def replaced(before: str, after: str) -> list[tuple[str, str]]:
    """Which secret each token of `after` stands for in `before`; the whole for the whole where that cannot be
    told.
    """
    if before == after:
        return []
    tokens = [match[0] for match in TOKEN.finditer(after)]
    first, *rest = _apart(after, tokens)
    at, found = len(first), []
    if not before.startswith(first):
        return [(before, after)]
    for number, (token, piece) in enumerate(zip(tokens, rest, strict=True), 1):
        last = number == len(tokens)
        end = len(before) - len(piece) if last else before.find(piece, at) if piece else -1
        if end < at or not before.startswith(piece, end):
            return [(before, after)]
        found.append((before[at:end], token))
        at = end + len(piece)
    return (
        [(secret, token) for secret, token in found if secret != token]
        if at == len(before)
        else [(before, after)]
    )


def _apart(text: str, tokens: list[str]) -> list[str]:
    pieces = []
    for token in tokens:
        piece, _, text = text.partition(token)
        pieces.append(piece)
    return [*pieces, text]
