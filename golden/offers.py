"""Which values of an answer may turn up in later requests, and how each is taken out again; it must not know
requests.

Offered is what looks like a token or an id, what is hidden by its name, what the two sides were seen to call
by different names, and what an unsafe request has created. Everything else is content: a later request that
holds it says so itself.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from golden import volatile
from golden.fields import named_values
from golden.scrub import Scrubber
from shadow import Observation

_MOST = 20_000
_LONGEST = 4096
_SHORTEST = 6
_ID = re.compile(r"(?:^|_|-|[a-z])(?:id|ID|Id|uuid|ref|number|key|code|slug)$|^(?:id|ID)$")
_PLAIN_KEY = re.compile(r"[^.\[\]]+")
_HEADERS = frozenset({"etag", "location"})


class Offer(NamedTuple):
    """`text` as a request would hold it, under `key`; `source` takes it out of the answer again.

    `weak`: too short or too common to be recognised anywhere but as a whole value.
    """

    text: str
    key: str
    source: str
    weak: bool = False


def offers(
    answer: Observation, *, creates: bool, differing: Collection[str], scrubber: Scrubber
) -> Iterator[Offer]:
    """What `answer` offers. `creates`: the request was an unsafe one; `differing`: values that the other
    side called something else.
    """
    for found in (*_in_headers(answer, creates), *_in_body(answer)):
        text = found.text
        if not text or len(text) > _LONGEST or any(ord(char) < 32 for char in text):
            continue
        known = text in differing or _is_volatile(text, found.key) or scrubber.hides(found.key, text)
        if len(text) >= _SHORTEST and (known or found.key == "etag"):
            yield found
        elif creates and _ID.search(found.key):
            yield found._replace(weak=True)


def _is_volatile(text: str, key: str) -> bool:
    return " " not in text and volatile.is_placeholder(volatile.normalise_text(text, key))


def _in_headers(answer: Observation, creates: bool) -> Iterator[Offer]:
    for raw_name, raw_value in answer.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookie, _, content = value.partition(";")[0].partition("=")
            yield Offer(content.strip(), cookie.strip(), f"cookie:{cookie.strip()}")
        elif name == "location":
            yield from _in_address(value, creates)
        elif name in _HEADERS or name.startswith("x-"):
            yield Offer(value, name.removeprefix("x-"), f"header:{name}")


def _in_address(value: str, creates: bool) -> Iterator[Offer]:
    try:
        address = urlsplit(value)
    except ValueError:
        return
    segments = address.path.split("/")
    for number, segment in enumerate(segments):
        last = creates and number == len(segments) - 1
        yield Offer(unquote(segment), "id" if last else "segment", f"header:location/{number}")
    for name, content in parse_qsl(address.query):
        yield Offer(content, name, f"header:location?{name}")


def _in_body(answer: Observation) -> Iterator[Offer]:
    content_type = next((v for n, v in answer.headers if n.lower() == b"content-type"), b"").decode("latin-1")
    if "json" in content_type:
        try:
            yield from _in_json(json.loads(answer.body))
        except (ValueError, RecursionError):
            return
    elif "html" in content_type:
        for name, value, selector in named_values(answer.body.decode("utf-8", "replace")):
            yield Offer(value, name, f"html:{selector}")


def _in_json(value: Any) -> Iterator[Offer]:
    stack: list[tuple[str, str, Any]] = [("", "", value)]
    for _ in range(_MOST):
        if not stack:
            return
        path, key, item = stack.pop()
        if isinstance(item, dict):
            inner = [(f"{path}.{name}".lstrip("."), name, child) for name, child in item.items()]
            stack += [entry for entry in reversed(inner) if _PLAIN_KEY.fullmatch(entry[1])]
        elif isinstance(item, list):
            stack += [(f"{path}[{at}]", key, child) for at, child in reversed(list(enumerate(item)))]
        elif path and isinstance(item, str | int) and not isinstance(item, bool):
            yield Offer(item if isinstance(item, str) else str(item), key, f"json:{path}")
