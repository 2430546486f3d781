"""Postman collections (v2): one flow per folder at the top, the loose requests in one of their own.

A variable that the collection does not hold becomes a name in the environment. Scripts are not run.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from golden import template
from golden.body import NO_BODY, Body, strict_json
from golden.importers.multipart import multipart_text
from golden.importers.result import Draft, Imported, Wish, slug, unfit, unique
from golden.step import Step

_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_SAFE = "%/:?#[]@!$&'()*+,;=~{}-._"
_BEFORE_THE_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*|\{\{[^{}]*\}\})://")
_HOST = re.compile(r"(?:\{\{[^{}]*\}\}|[^/?#])*")
_LANGUAGES = {
    "json": "application/json",
    "xml": "application/xml",
    "html": "text/html; charset=utf-8",
    "javascript": "application/javascript",
}
_TEXT = "text/plain; charset=utf-8"


class _Request(NamedTuple):
    """An item with a request, and the authorization it inherits."""

    item: dict[str, Any]
    auth: Any


def read(text: str, wish: Wish) -> Imported:
    """The flows. Raises `ValueError` or `KeyError` for what is no collection."""
    collection = json.loads(text)
    items = collection["item"]
    if not isinstance(items, list):
        raise ValueError("'item' is no list")
    known = _pairs(collection.get("variable"))
    warnings: list[str] = []
    auth = collection.get("auth")
    groups: list[tuple[str, list[_Request]]] = []
    loose: list[_Request] = []
    for item in items:
        if not isinstance(item, dict) or not ("item" in item or "request" in item):
            warnings.append("an item is neither a folder nor a request: left out")
        elif "request" in item:
            loose.append(_Request(item, auth))
        else:
            groups.append((str(item.get("name") or "folder"), list(_requests(item, auth))))
    if loose:
        groups.append((str((collection.get("info") or {}).get("name") or wish.name), loose))
    if _has_scripts(collection):
        warnings.append("the scripts of the collection are not run: what they hand on has to be extracted")
    flows = []
    for name, requests in groups:
        reader = _Reader(known)
        steps = [
            (str(one.item.get("name") or "step"), reader.step_or_none(one)) for one in requests[: wish.limit]
        ]
        warnings += [f"{name}: {what}" for what in reader.warnings]
        kept = [(label, step) for label, step in steps if step is not None]
        if kept:
            draft = Draft(slug(name), [step for _, step in kept], reader.variables)
            flows.append((draft, [label for label, _ in kept]))
    for (draft, _), unused in zip(flows, unique([draft.name for draft, _ in flows]), strict=True):
        draft.name = unused
        wish.variables.update({variable: variable for variable in draft.secrets.values()})
    return Imported(tuple(draft.flow(wish, names) for draft, names in flows), tuple(warnings))


def _requests(item: Any, auth: Any) -> Iterator[_Request]:
    if not isinstance(item, dict):
        return
    auth = item.get("auth") or auth
    if "request" in item:
        yield _Request(item, auth)
    for inner in item.get("item") or ():
        yield from _requests(inner, auth)


def _pairs(given: Any) -> dict[str, str]:
    """Names and values: a list of objects, or (v2.0) one object."""
    if isinstance(given, dict):
        return {str(key): _said(value) for key, value in given.items()}
    return {
        str(one["key"]): _said(one.get("value"))
        for one in given or ()
        if isinstance(one, dict) and "key" in one and not one.get("disabled")
    }


def _said(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _has_scripts(item: dict[str, Any]) -> bool:
    return any(((event or {}).get("script") or {}).get("exec") for event in item.get("event") or ())


class _Reader:
    """Reads the requests of one flow; `variables` are those that the collection does not hold."""

    def __init__(self, known: dict[str, str]) -> None:
        self.variables: dict[str, str] = {}
        self.warnings: list[str] = []
        self._known = known

    def step_or_none(self, one: _Request) -> Step | None:
        """The same, and None with a warning for a request that is not put together as one is."""
        name = one.item.get("name", "a request")
        try:
            step = self._step(one, name)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            self.warnings.append(f"{name!r} left out: it cannot be read")
            return None
        if step is not None and (wrong := unfit(step)):
            self.warnings.append(f"{name!r} left out: {wrong}")
            return None
        return step

    def _step(self, one: _Request, name: str) -> Step | None:
        """One request; None, with a warning, when it cannot be taken over."""
        asked = one.item["request"]
        asked = {"url": asked, "method": "GET"} if isinstance(asked, str) else asked
        if _has_scripts(one.item):
            self.warnings.append(
                f"the scripts of {name!r} are not run: what they hand on has to be extracted"
            )
        made = self._body(asked.get("body") or {})
        if made is None:
            self.warnings.append(f"{name!r} left out: its body is made of files, or of nothing that is here")
            return None
        headers = [
            (key, self._text(value))
            for key, value in _headers(asked.get("header"))
            if key.lower() not in ("cookie", "host", "content-length")
        ]
        target = self._target(asked["url"])
        more, query = self._authorization(asked.get("auth") or one.auth)
        headers += more
        if query:
            target += ("&" if "?" in target else "?") + query
        body, content_type = made
        if content_type and not any(key.lower() == "content-type" for key, _ in headers):
            headers.append(("content-type", content_type))
        return Step(0, "", str(asked.get("method") or "GET").upper(), target, tuple(headers), body)

    def _target(self, url: Any) -> str:
        raw = url if isinstance(url, str) else str(url["raw"]) if "raw" in url else _put_together(url)
        filled = {} if isinstance(url, str) else _pairs(url.get("variable"))
        # The address itself is the side's: what stands before the path is left out, also as a variable.
        plain = _BEFORE_THE_HOST.sub("", self._filled(raw), count=1)
        plain = plain if plain.startswith("/") else plain[len(_HOST.match(plain)[0]) :]  # type: ignore[index]
        path, _, query = plain.partition("#")[0].partition("?")
        segments = [
            # A name without a value is one that the environment gives.
            filled.get(piece[1:]) or "{{" + piece[1:] + "}}" if re.fullmatch(r":[\w-]+", piece) else piece
            for piece in path.split("/")
        ]
        target = "/".join(segments) or "/"
        return self._text(target + (f"?{query}" if query else ""), address=True)

    def _body(self, body: dict[str, Any]) -> tuple[Body, str] | None:
        mode = "" if body.get("disabled") else body.get("mode", "")
        if mode == "raw":
            return self._raw(body)
        if mode == "urlencoded":
            found: dict[str, list[str]] = {}
            for one in body.get("urlencoded") or ():
                if not one.get("disabled"):
                    found.setdefault(str(one["key"]), []).append(self._text(_said(one.get("value"))))
            form = {key: values[0] if len(values) == 1 else values for key, values in found.items()}
            return Body("form", form), "application/x-www-form-urlencoded"
        if mode == "graphql":
            return self._graphql(body.get("graphql") or {}), "application/json"
        if mode == "formdata":
            parts = [one for one in body.get("formdata") or () if not one.get("disabled")]
            if not parts or any(one.get("type") == "file" for one in parts):
                return None
            fields = [(str(one["key"]), self._text(_said(one.get("value")))) for one in parts]
            text, content_type = multipart_text(fields)
            return Body("text", text), content_type
        return None if mode == "file" else (NO_BODY, "")

    def _raw(self, body: dict[str, Any]) -> tuple[Body, str]:
        text = _said(body.get("raw"))
        language = ((body.get("options") or {}).get("raw") or {}).get("language", "")
        if language == "json" or (not language and text.lstrip()[:1] in ("{", "[")):
            try:
                return Body("json", template.walk(strict_json(text), self._text)), "application/json"
            except (ValueError, RecursionError):
                pass  # A variable stands there without quotes, perhaps: a text like any other.
        kind = _LANGUAGES.get(language, _TEXT)
        return (Body("text", self._text(text)), kind) if text else (NO_BODY, "")

    def _graphql(self, asked: dict[str, Any]) -> Body:
        value: dict[str, Any] = {"query": self._text(_said(asked.get("query")))}
        if asked.get("operationName"):
            value["operationName"] = self._text(_said(asked["operationName"]))
        given = asked.get("variables") or "{}"
        try:
            parsed = strict_json(given) if isinstance(given, str) else given
        except ValueError:
            # A variable without quotes: the value is known when it is sent, and so is the JSON.
            head = json.dumps(value, ensure_ascii=False)[:-1]
            return Body("text", f'{head}, "variables": {self._text(given)}}}')
        return Body("json", {**value, "variables": template.walk(parsed, self._text)})

    def _authorization(self, auth: Any) -> tuple[list[tuple[str, str]], str]:
        """Headers, and what is added to the query."""
        if not isinstance(auth, dict) or auth.get("type") in (None, "noauth"):
            return [], ""
        given = _pairs(auth.get(auth["type"]))
        if auth["type"] == "bearer":
            return [("authorization", f"Bearer {self._text(given.get('token', ''))}")], ""
        if auth["type"] == "apikey":
            name, value = given.get("key") or "x-api-key", self._secret(given.get("key"), given.get("value"))
            if given.get("in", "header") == "header":
                return [(name, value)], ""
            return [], f"{quote(name, safe='')}={value}"
        if auth["type"] == "basic":
            both = self._filled(f"{given.get('username', '')}:{given.get('password', '')}")
            if not _VARIABLE.search(both):
                return [("authorization", f"Basic {base64.b64encode(both.encode()).decode()}")], ""
            name = self._variable("_".join(["basic", *_VARIABLE.findall(both)]))
            self.warnings.append(f"{self.variables[name]} is to hold the base64 of user:password")
            return [("authorization", f"Basic {{{name}}}")], ""
        self.warnings.append(f"authorization of the kind {auth['type']!r} was not taken over")
        return [], ""

    def _filled(self, text: str, above: frozenset[str] = frozenset()) -> str:
        """A text with what the collection holds in place of its variables; others stay."""

        def put(match: re.Match[str]) -> str:
            name = match[1]
            if name not in self._known or name in above:  # one that stands within itself is nobody's
                return match[0]
            return self._filled(self._known[name], above | {name})

        return _VARIABLE.sub(put, text)

    def _text(self, text: str, *, address: bool = False) -> str:
        found = []
        for at, piece in enumerate(_VARIABLE.split(self._filled(text))):
            if at % 2:
                found.append("{" + self._variable(piece) + "}")
            else:
                found.append(template.escape(quote(piece, safe=_SAFE) if address else piece))
        return "".join(found)

    def _variable(self, called: str) -> str:
        """The name of a value that the environment gives."""
        name = re.sub(r"\W+", "_", called, flags=re.ASCII).strip("_")
        name = name if template.NAME.fullmatch(name) else f"value_{name}"
        self.variables[name] = f"GOLDEN_{name.upper()}"
        return name

    def _secret(self, called: str | None, value: str | None) -> str:
        """A value that is secret whatever it is called: nothing of it but its variables is kept."""
        text = self._filled(value or "")
        return self._text(text) if _VARIABLE.search(text) else "{" + self._variable(called or "api_key") + "}"


def _headers(given: Any) -> Iterator[tuple[str, str]]:
    """A list of objects, or one text with a line for each."""
    if isinstance(given, str):
        for line in given.splitlines():
            name, colon, value = line.partition(":")
            if colon:
                yield name.strip(), value.strip()
        return
    for one in given or ():
        if not one.get("disabled") and one.get("key"):
            yield str(one["key"]), _said(one.get("value"))


def _put_together(url: dict[str, Any]) -> str:
    """An address of which only the parts are there."""
    path = url["path"].split("/") if isinstance(url["path"], str) else url["path"]
    pieces = [one if isinstance(one, str) else str(one["value"]) for one in path]
    fields = [one for one in url.get("query") or () if not one.get("disabled")]
    query = "&".join(f"{one['key']}={_said(one.get('value'))}" for one in fields)
    return "/" + "/".join(pieces).removeprefix("/") + (f"?{query}" if query else "")
