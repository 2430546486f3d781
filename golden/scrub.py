"""What a request or an answer is stored as: secrets tokenised, volatile values named, known values by reference.

It must not know files. The order matters: known values first (they are exact), then volatile formats, then
the redaction by name; a placeholder is no secret, so redaction does not hide it again. What is recorded and what
is verified later go through the same functions, so equal stays equal.
"""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from golden import volatile
from golden.body import Body
from golden.fields import hide_fields
from golden.flow import Step
from golden.known import Known, refer, refer_path, refer_text
from golden.recording import Answer, Fields
from golden.template import walk
from shadow import Headers, Observation, Redactor, Rules

KEY_VARIABLE = "BANYAN_GOLDEN_KEY"
# Published on purpose: tokens must agree between machines. It hides a secret from a reader, not from somebody
# who can guess it; set the variable, on every machine alike, where guessable secrets pass.
DEFAULT_KEY = b"banyan golden recordings"

# What the comparison declares; everything else differs between any two servers and would only be noise in a review.
KEPT_HEADERS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-origin",
        "allow",
        "cache-control",
        "content-disposition",
        "content-language",
        "content-range",
        "content-type",
        "location",
        "retry-after",
        "set-cookie",
        "www-authenticate",
    }
)
# Lists whose order means nothing, and is not always the same after a restart.
_SETS = frozenset({"allow", "cache-control", "content-language"})
_TOKEN = re.compile(r"<([a-z0-9_.-]+):([0-9a-f]{12})>")
_NO_SECRET = re.compile(r"<[\w.-]+:[0-9a-f]{12}>|<origin>|\{\w+\}|\b(?:Bearer|Basic|Token)\b|[\W_]", re.I)


class _AlreadyScrubbed(Redactor):
    """For excerpts of answers that are scrubbed: hiding a placeholder by its name again would only hide the reason."""

    def pair(self, path: tuple[str, ...], control: Any, candidate: Any) -> tuple[Any, Any]:
        """Both values as they are."""
        return control, candidate


def key_from(env: Mapping[str, str] | None = None) -> bytes:
    """The key of the tokens: that of the environment, else the published one."""
    return (os.environ if env is None else env).get(KEY_VARIABLE, "").encode() or DEFAULT_KEY


class Scrubber:
    """Scrubs with one key; `name` identifies the key without telling it.

    `names` are further names of fields to redact, `headers` further headers to keep.
    """

    def __init__(
        self, key: bytes | None = None, names: tuple[str, ...] = (), headers: tuple[str, ...] = ()
    ) -> None:
        self._redactor = Redactor(key_from() if key is None else key, extra_names=names)
        self._kept = KEPT_HEADERS | {name.lower() for name in headers}
        self.for_excerpts = _AlreadyScrubbed(b"")
        self.name = self._redactor.token("key", "name").strip("<>").rpartition(":")[2]

    def answer(self, answer: Observation, known: tuple[Known, ...] = (), origin: str = "") -> Answer:
        """An answer as it is stored. `origin` is the side's own address, which may stand in a Location."""
        if origin:
            # A side may write its own address in a Location or leave it out; elsewhere it stays visible as such.
            known = (Known(origin, "<origin>", everywhere=True), *known)
        content_type = next((v for n, v in answer.headers if n.lower() == b"content-type"), b"").decode(
            "latin-1"
        )
        return Answer(
            status=answer.status,
            headers=self._headers(answer.headers, known),
            body=self._body(Body.of(answer.body, content_type), content_type, known),
        )

    def step(self, step: Step) -> tuple[Step, dict[str, str]]:
        """A request as it is stored, and what had to be taken out of it: the secret → its token."""
        taken: dict[str, str] = {}
        headers = []
        for name, value in step.headers:
            token = self._header(name, value)
            if token != value:
                taken |= {value: token, value.rpartition(" ")[2]: token}
            headers.append((name, token))
        body = step.body
        if body.kind in ("json", "form"):
            body = replace(body, value=self.value(body.value))
            _note_differences(step.body.value, body.value, taken)
        elif body.kind == "text":
            content_type = next((v for n, v in step.headers if n.lower() == "content-type"), "")
            body = replace(body, value=self._text(body.value, content_type))
            _note_differences(step.body.value, body.value, taken)
        return replace(
            step, headers=tuple(headers), body=body, target=self._target(step.target, taken)
        ), taken

    def value(self, value: Any) -> Any:
        """A JSON-like value with its secrets tokenised; placeholders and references stay readable."""
        return _restore(value, walk(self._redactor.value(walk(value, _shield)), _unshield))

    def fields(self, fields: Fields) -> Fields:
        """Those of stored headers that hold what should have been scrubbed."""
        return tuple((name, value) for name, value in fields if self._stored(name, value) != value)

    def body(self, answer: Answer) -> Body:
        """A stored answer's body, redacted once more: the same, unless something in it should have been scrubbed."""
        if answer.body.kind == "json":
            return Body("json", self.value(answer.body.value))
        if answer.body.kind == "text":
            content_type = next((value for name, value in answer.headers if name == "content-type"), "")
            return Body("text", self._text(answer.body.value, content_type))
        return answer.body

    def _stored(self, name: str, value: str) -> str:
        return _set_cookie(value) if name == "set-cookie" else self._header(name, value)

    def _target(self, target: str, taken: dict[str, str]) -> str:
        path, mark, query = target.partition("?")
        fields = []
        for field in query.split("&") if mark else ():
            name, equals, value = field.partition("=")
            scrubbed = str(self.value({name: value})[name]) if value else value
            _note_differences(value, scrubbed, taken)
            fields.append(name + equals + scrubbed)
        return path + mark + "&".join(fields)

    def _headers(self, headers: Headers, known: tuple[Known, ...]) -> Fields:
        kept = []
        for raw_name, raw_value in headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "replace")
            if name == "set-cookie":
                kept.append((name, _set_cookie(value)))
            elif name in self._kept:
                if name in _SETS:
                    value = ", ".join(sorted(item.strip() for item in value.split(",")))
                found = volatile.normalise_text(refer_path(value, known))
                kept.append((name, self._header(name, found.removeprefix("<origin>") or "/")))
        return tuple(sorted(kept))

    def _header(self, name: str, value: str) -> str:
        if _harmless(value):
            return value
        field = (name.encode("latin-1", "replace"), _shield(value).encode())
        ((_, token),) = self._redactor.headers((field,))
        return _unshield(token.decode("utf-8", "replace"))

    def _body(self, body: Body, content_type: str, known: tuple[Known, ...]) -> Body:
        if body.kind == "json":
            return Body("json", self.value(volatile.normalise(refer(body.value, known))))
        if body.kind == "text":
            return Body(
                "text", self._text(volatile.normalise_text(refer_text(body.value, known)), content_type)
            )
        return body

    def _text(self, text: str, content_type: str) -> str:
        if "html" in content_type.lower():
            text = hide_fields(text, self._field)
        return _unshield(self._redactor.body(_shield(text).encode(), content_type).decode("utf-8", "replace"))

    def _field(self, name: str, value: str) -> str:
        return str(self.value({name: volatile.normalise_text(value, name)})[name])


def _restore(value: Any, redacted: Any) -> Any:
    """`redacted`, but with the placeholders and references of `value` where redaction hid them by name."""
    if isinstance(value, dict) and isinstance(redacted, dict):
        return {key: _restore(item, redacted.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(redacted, list) and len(value) == len(redacted):
        return [_restore(item, other) for item, other in zip(value, redacted, strict=True)]
    return value if isinstance(value, str) and _harmless(value) else redacted


def _shield(text: str) -> str:
    # Inside a text a token reads like an assignment (`email: …`) and would be hidden once more.
    return _TOKEN.sub("<\\1\ue000\\2>", text)


def _unshield(text: str) -> str:
    return text.replace("\ue000", ":")


def _harmless(text: str) -> bool:
    return _NO_SECRET.sub("", volatile.without_placeholders(text)) == ""


def _note_differences(before: Any, after: Any, taken: dict[str, str]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key, item in before.items():
            _note_differences(item, after.get(key), taken)
    elif isinstance(before, list) and isinstance(after, list):
        for item, other in zip(before, after, strict=False):
            _note_differences(item, other, taken)
    elif before != after and isinstance(after, str):
        taken[str(before)] = after


def _set_cookie(value: str) -> str:
    """A cookie's name and attributes. Its value is somebody's session: only whether there is one is kept."""
    pair, *attributes = [part.strip() for part in value.split(";")]
    name, _, content = pair.partition("=")
    spelled = []
    for attribute in attributes:
        key, equals, setting = attribute.partition("=")
        spelled.append(
            key.strip().lower() + equals + (_expires(setting) if key.lower() == "expires" else setting)
        )
    return "; ".join([f"{name}={'<cookie>' if content.strip(chr(34)) else ''}", *sorted(spelled)])


def _expires(setting: str) -> str:
    """A date that says the same (over, or not yet) at every time of recording."""
    try:
        over = parsedate_to_datetime(setting).timestamp() <= time.time()
    except ValueError:
        return setting
    return "Thu, 01 Jan 1970 00:00:00 GMT" if over else "Fri, 31 Dec 9999 23:59:59 GMT"


@lru_cache(maxsize=16)
def _scrubber(key: bytes, names: tuple[str, ...], headers: tuple[str, ...]) -> Scrubber:
    return Scrubber(key, names, headers)


def scrubber_for(rules: Rules, key: bytes | None = None) -> Scrubber:
    """The scrubber of a rule file and a key (default: the environment's); made once, it is dear to make."""
    return _scrubber(key_from() if key is None else key, rules.redact_names, rules.headers)
