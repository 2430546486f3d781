"""Replaces secrets by tokens and leaves alone what is none any more; it must not know requests or answers.

shadow's redaction goes by names and by forms. Here a name often stands beside a placeholder, a reference or a
token: those say what a value is without telling it, and stay readable.
"""

import re
from typing import Any

from golden import volatile
from golden.fields import hide_fields
from golden.template import walk
from shadow import Redactor

_TOKEN = re.compile(r"<([a-z0-9_.-]+):([0-9a-f]{12})>")
_SAID = re.compile(
    r"<[\w.-]+:[0-9a-f]{12}>|<origin>|\{[A-Za-z_]\w*(?::json)?\}|\b(?:Bearer|Basic|Token)\b", re.I
)
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
        return _restore(value, walk(self._redactor.value(walk(value, _shield)), _unshield))

    def named(self, name: str, value: str) -> str:
        """One value that stands under a name."""
        return str(_restore(value, _unshield(str(self._redactor.value(_shield(value), name)))))

    def text(self, text: str, content_type: str = "text/plain") -> str:
        """A body, or any other text."""
        if "html" in content_type.lower():
            text = hide_fields(
                text, lambda name, value: self.named(name, volatile.normalise_text(value, name))
            )
            # its fields are done: a placeholder in one must not be hidden by its name
        return _unshield(self._redactor.body(_shield(text).encode(), content_type).decode("utf-8", "replace"))

    def header(self, name: str, value: str) -> str:
        """One header's value."""
        if is_harmless(value):
            return value
        field = (name.encode("latin-1", "replace"), _shield(value).encode())
        ((_, hidden),) = self._redactor.headers((field,))
        return _unshield(hidden.decode("utf-8", "replace"))

    def target(self, target: str) -> str:
        """A request's target: its path as text, each value of its query by its name."""
        path, mark, query = target.partition("?")
        fields = [field.partition("=") for field in query.split("&")] if mark else []
        hidden = [
            name + equals + (self.named(name, value) if value else "") for name, equals, value in fields
        ]
        return self.text(path) + mark + "&".join(hidden)

    def _keys(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._key(key): self._keys(item) for key, item in value.items()}
        return [self._keys(item) for item in value] if isinstance(value, list) else value

    def _key(self, key: str) -> str:
        # An address or a token may be a key; the name of a field, such as "password", is none.
        return self.text(key) if "@" in key or len(key) > 32 else key


def is_harmless(text: str) -> bool:
    """Whether nothing is said but placeholders, references and tokens."""
    return _BETWEEN.fullmatch(_SAID.sub("", volatile.without_placeholders(text))) is not None


def _restore(value: Any, redacted: Any) -> Any:
    """`redacted`, but with what was harmless in `value` where redaction hid it by its name."""
    if isinstance(value, dict) and isinstance(redacted, dict):
        return {key: _restore(item, redacted.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(redacted, list) and len(value) == len(redacted):
        return [_restore(item, other) for item, other in zip(value, redacted, strict=True)]
    return value if isinstance(value, str) and is_harmless(value) else redacted


def _shield(text: str) -> str:
    # Inside a text a token reads like an assignment (`email: …`) and would be hidden once more.
    return _TOKEN.sub("<\\1\ue000\\2>", text)


def _unshield(text: str) -> str:
    return text.replace("\ue000", ":")
