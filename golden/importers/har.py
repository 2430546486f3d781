"""HAR 1.2, as a browser saves it: one session, told like one that was observed live."""

import base64
import json
from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from golden.correlate import Exchange
from golden.importers.multipart import multipart_text
from golden.importers.result import Imported, Wish, slug, unfit
from golden.step import Step
from golden.telling import MAX_STEPS, tell
from shadow import Observation, RequestSnapshot

_WRITTEN = "%/:?[]@!$&'()*+,;=~{}|\"<>^`\\-._"
_PORTS = {"http": 80, "https": 443}


def read(text: str, wish: Wish) -> Imported:
    """One flow of all requests to one host. Raises `ValueError` or `KeyError` for what is no HAR."""
    entries = json.loads(text)["log"]["entries"]
    read = [_Entry.of(entry) for entry in entries]
    good = sorted((one for one in read if one is not None), key=lambda one: one.began)
    hosts = Counter(one.host for one in good if one.host)
    host = wish.host.lower() or (hosts.most_common(1)[0][0] if hosts else "")
    warnings = [f"{count} requests to {name} left out" for name, count in hosts.items() if name != host]
    if broken := read.count(None):
        warnings.append(f"{broken} of {len(entries)} entries left out: they cannot be read")
    if sockets := sum(one.socket and one.host == host for one in good):
        warnings.append(f"{sockets} WebSockets left out: they hold no answer to one request")
    told = tell([one.exchange for one in good if one.host == host and one.answered], "har", wish.scrubber)
    if told is None:
        raise ValueError(f"it holds no request to {host or 'any host'} that says something")
    if told.ended:
        warnings.append(
            f"the flow ends after {len(told.flow.steps)} steps (of at most {MAX_STEPS}): {told.ended}"
        )
    name = slug(wish.name)
    return Imported((replace(told.flow, name=name, file=f"{name}.toml"),), tuple(warnings))


class _Entry(NamedTuple):
    """One entry; `host` is empty for what did not go over the network (data:, blob:). `answered`: there is an
    answer to record; `socket`: it became a WebSocket.
    """

    began: str
    host: str
    exchange: Exchange
    answered: bool
    socket: bool

    @classmethod
    def of(cls, entry: Any) -> "_Entry | None":
        """None for an entry that is not put together as one is."""
        try:
            url = urlsplit(entry["request"]["url"])
            began = str(entry.get("startedDateTime", ""))
            if url.scheme in ("ws", "wss"):
                url = url._replace(scheme=url.scheme.replace("ws", "http"))
                return cls(began, _host(url), _NOTHING, answered=False, socket=True)
            exchange = _exchange(entry, url)
            host = _host(url) if url.scheme in _PORTS else ""
            if host and _unsendable(exchange.request):
                return None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        status = exchange.answer.status
        return cls(began, host, exchange, answered=status >= 200, socket=status == 101)


_NOTHING = Exchange(RequestSnapshot("GET", "/", (), b""), Observation("legacy", 0, (), b""))


def _host(url: SplitResult) -> str:
    """Host and port, as a person would say them: in small letters, without a password or a usual port."""
    name = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    return name if url.port in (None, _PORTS.get(url.scheme)) else f"{name}:{url.port}"


def _unsendable(request: RequestSnapshot) -> str:
    headers = tuple((name.decode("latin-1"), value.decode("utf-8")) for name, value in request.headers)
    return unfit(Step(1, "", request.method, request.target, headers))


def _exchange(entry: dict[str, Any], url: SplitResult) -> Exchange:
    asked, said = entry["request"], entry["response"]
    target = quote((url.path or "/") + (f"?{url.query}" if url.query else ""), safe=_WRITTEN)
    content = said.get("content") or {}
    # The browser has undone the coding of what it saved.
    headers = tuple(pair for pair in _headers(said) if pair[0].lower() != b"content-encoding")
    body, kind = _posted(asked)
    sent = _headers(asked)
    if kind:
        others = (pair for pair in sent if pair[0].lower() != b"content-type")
        sent = (*others, (b"content-type", kind.encode()))
    request = RequestSnapshot(str(asked["method"]), target, sent, body)
    return Exchange(request, Observation("legacy", int(said["status"]), headers, _text(content)))


def _posted(asked: dict[str, Any]) -> tuple[bytes, str]:
    """The body of a request: its text, or what its fields come to with the content type that goes with it.
    Raises `ValueError` where a field is a file, which is not kept.
    """
    post = asked.get("postData") or {}
    fields = post.get("params") or ()
    if post.get("text") or not fields:
        return _text(post), ""
    if any("fileName" in one for one in fields):
        raise ValueError("a file that was sent is not in it")
    pairs = [(str(one["name"]), str(one.get("value") or "")) for one in fields]
    said = [value.decode() for name, value in _headers(asked) if name.lower() == b"content-type"]
    kind = next(iter(said), str(post.get("mimeType") or ""))
    if "multipart" in kind:
        text, kind = multipart_text(pairs, kind)
        return text.encode(), kind
    return urlencode(pairs).encode(), kind or "application/x-www-form-urlencoded"


def _text(content: dict[str, Any]) -> bytes:
    kept = str(content.get("text") or "")
    return base64.b64decode(kept) if content.get("encoding") == "base64" else kept.encode()


def _headers(message: dict[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    fields = [(str(item["name"]), str(item["value"])) for item in message.get("headers", ())]
    return tuple(
        (name.encode("latin-1", "replace"), line.encode("utf-8"))
        for name, value in fields
        if not name.startswith(":")  # HTTP/2 writes method and path so
        for line in value.split("\n")
    )
