"""Postman collections (v2): one flow per folder at the top, the loose requests in one of their own.

A variable that the collection does not hold becomes a name in the environment. Scripts are not run.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from golden import template
from golden.body import NO_BODY, Body, strict_json
from golden.importers.result import Draft, Imported, Wish, slug, unique
from golden.step import Step

_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_SAFE = "%/:?#[]@!$&'()*+,;=~{}-._"


def read(text: str, wish: Wish) -> Imported:
    """The flows. Raises `ValueError` or `KeyError` for what is no collection."""
    collection = json.loads(text)
    items = collection["item"]
    if not isinstance(items, list):
        raise ValueError("'item' is no list")
    known = {
        str(one["key"]): str(one.get("value", "")) for one in collection.get("variable", ()) if "key" in one
    }
    warnings: list[str] = []
    flows = []
    groups = [(str(item["name"]), list(_requests(item))) for item in items if "item" in item]
    loose = [item for item in items if "request" in item]
    groups += [(str(collection.get("info", {}).get("name") or wish.name), loose)] if loose else []
    for name, requests in groups:
        if not requests:
            continue
        reader = _Reader(known, [collection.get("auth")])
        steps = [(str(item.get("name") or "step"), reader.step(item)) for item in requests[: wish.limit]]
        warnings += [f"{name}: {what}" for what in reader.warnings]
        kept = [(label, step) for label, step in steps if step is not None]
        if kept:
            draft = Draft(slug(name), [step for _, step in kept], reader.variables)
            flows.append((draft, [label for label, _ in kept]))
    for (draft, _), unused in zip(flows, unique([draft.name for draft, _ in flows]), strict=True):
        draft.name = unused
    return Imported(tuple(draft.flow(wish.scrubber, names) for draft, names in flows), tuple(warnings))


def _requests(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "request" in item:
        yield item
    for inner in item.get("item", ()):
        yield from _requests(inner)


class _Reader:
    """Reads the requests of one flow; `variables` are those that the collection does not hold."""

    def __init__(self, known: dict[str, str], auth: list[Any]) -> None:
        self.variables: dict[str, str] = {}
        self.warnings: list[str] = []
        self._known = known
        self._auth = auth[0]

    def step(self, item: dict[str, Any]) -> Step | None:
        """One request; None, with a warning, when it cannot be taken over."""
        asked = item["request"]
        asked = {"url": asked, "method": "GET"} if isinstance(asked, str) else asked
        name = item.get("name", "a request")
        if any(event.get("script", {}).get("exec") for event in item.get("event", ())):
            self.warnings.append(
                f"the scripts of {name!r} are not run: what they hand on has to be extracted"
            )
        made = self._body(asked.get("body") or {})
        if made is None:
            self.warnings.append(f"{name!r} left out: its body is made of files or of form data")
            return None
        headers = [
            (str(one["key"]), self._text(str(one.get("value", ""))))
            for one in asked.get("header") or ()
            if not one.get("disabled") and str(one["key"]).lower() not in ("cookie", "host", "content-length")
        ]
        headers += self._authorization(asked.get("auth") or self._auth)
        body, content_type = made
        if content_type and not any(key.lower() == "content-type" for key, _ in headers):
            headers.append(("content-type", content_type))
        target = self._target(asked["url"])
        return Step(0, "", str(asked.get("method", "GET")).upper(), target, tuple(headers), body)

    def _target(self, url: Any) -> str:
        raw = url if isinstance(url, str) else str(url["raw"])
        filled = (
            {}
            if isinstance(url, str)
            else {str(v["key"]): str(v.get("value", "")) for v in url.get("variable") or ()}
        )
        # The address itself is the side's: what stands before the path is left out, also as a variable.
        plain = re.sub(r"^(?:\{\{[^{}]+\}\}|https?://[^/?#]+)", "", raw)
        parts = urlsplit(plain if plain.startswith("/") else "/" + plain)
        path = "/".join(
            filled.get(piece[1:], piece) if piece.startswith(":") else piece
            for piece in parts.path.split("/")
        )
        return self._text(path + (f"?{parts.query}" if parts.query else ""), address=True)

    def _body(self, body: dict[str, Any]) -> tuple[Body, str] | None:
        mode = body.get("mode", "")
        if mode == "raw":
            text = str(body.get("raw", ""))
            language = body.get("options", {}).get("raw", {}).get("language", "")
            try:
                return Body("json", template.walk(strict_json(text), self._text)), "application/json"
            except (ValueError, RecursionError):
                kind = "application/json" if language == "json" else "text/plain; charset=utf-8"
                return (Body("text", self._text(text)), kind) if text else (NO_BODY, "")
        if mode == "urlencoded":
            fields = [one for one in body.get("urlencoded") or () if not one.get("disabled")]
            found = {str(one["key"]): self._text(str(one.get("value", ""))) for one in fields}
            return Body("form", found), "application/x-www-form-urlencoded"
        if mode == "graphql":
            asked = body.get("graphql") or {}
            variables = json.loads(asked.get("variables") or "{}")
            value = {"query": self._text(str(asked.get("query", ""))), "variables": variables}
            return Body("json", value), "application/json"
        return None if mode in ("formdata", "file") else (NO_BODY, "")

    def _authorization(self, auth: Any) -> list[tuple[str, str]]:
        if not isinstance(auth, dict) or auth.get("type") in (None, "noauth"):
            return []
        given = {str(one["key"]): str(one.get("value", "")) for one in auth.get(auth["type"]) or ()}
        if auth["type"] == "bearer":
            return [("authorization", f"Bearer {self._text(given.get('token', ''))}")]
        if auth["type"] == "apikey" and given.get("in", "header") == "header":
            return [(given.get("key", "x-api-key"), self._text(given.get("value", "")))]
        self.warnings.append(f"authorization of the kind {auth['type']!r} was not taken over")
        return []

    def _text(self, text: str, *, address: bool = False) -> str:
        pieces = _VARIABLE.split(text)
        found = []
        for at, piece in enumerate(pieces):
            if at % 2 and piece in self._known:
                found.append(self._text(self._known[piece]))
            elif at % 2:
                name = re.sub(r"\W+", "_", piece).strip("_")
                name = name if template.NAME.fullmatch(name) else f"value_{name}"
                self.variables[name] = f"GOLDEN_{name.upper()}"
                found.append("{" + name + "}")
            else:
                found.append(template.escape(quote(piece, safe=_SAFE) if address else piece))
        return "".join(found)
