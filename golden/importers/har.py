"""HAR 1.2, as a browser saves it: one session, told like one that was observed live."""

import base64
import json
from collections import Counter
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from golden.correlate import Exchange
from golden.importers.result import Imported, Wish, slug
from golden.telling import MAX_STEPS, tell
from shadow import Observation, RequestSnapshot


def read(text: str, wish: Wish) -> Imported:
    """One flow of all requests to one host. Raises `ValueError` or `KeyError` for what is no HAR."""
    entries = json.loads(text)["log"]["entries"]
    hosts = Counter(urlsplit(entry["request"]["url"]).netloc for entry in entries)
    host = wish.host or (hosts.most_common(1)[0][0] if hosts else "")
    mine = [entry for entry in entries if urlsplit(entry["request"]["url"]).netloc == host]
    mine.sort(key=lambda entry: str(entry.get("startedDateTime", "")))
    warnings = [f"{count} requests to {name} left out" for name, count in hosts.items() if name != host]
    told = tell([_exchange(entry) for entry in mine if entry["response"]["status"]], "har", wish.scrubber)
    if told is None:
        raise ValueError(f"it holds no request to {host or 'any host'} that says something")
    if told.ended:
        warnings.append(
            f"the flow ends after {len(told.flow.steps)} steps (of at most {MAX_STEPS}): {told.ended}"
        )
    name = slug(wish.name)
    return Imported((replace(told.flow, name=name, file=f"{name}.toml"),), tuple(warnings))


def _exchange(entry: dict[str, Any]) -> Exchange:
    asked, said = entry["request"], entry["response"]
    url = urlsplit(asked["url"])
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    post = asked.get("postData") or {}
    body = str(post.get("text") or "").encode()
    content = said.get("content") or {}
    kept = str(content.get("text") or "")
    answer = base64.b64decode(kept) if content.get("encoding") == "base64" else kept.encode()
    # The browser has undone the coding of what it saved.
    headers = tuple(pair for pair in _headers(said) if pair[0].lower() != b"content-encoding")
    request = RequestSnapshot(asked["method"], target, _headers(asked), body)
    return Exchange(request, Observation("legacy", int(said["status"]), headers, answer))


def _headers(message: dict[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    fields = [(str(item["name"]), str(item["value"])) for item in message.get("headers", ())]
    return tuple(
        (name.encode("latin-1", "replace"), line.encode("utf-8"))
        for name, value in fields
        if not name.startswith(":")  # HTTP/2 writes method and path so
        for line in value.split("\n")
    )
