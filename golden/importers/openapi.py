"""OpenAPI 3 (and Swagger 2) in JSON or YAML: one flow per operation, one step per example.

Values come from the document alone (`openapi_values`): nothing is made up, and what has no example is named.
Where several parameters have several examples, each is asked for once beside the first of the others.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from golden import template
from golden.body import NO_BODY, Body
from golden.importers.multipart import multipart_text
from golden.importers.openapi_parameters import as_text, in_header, in_path, in_query
from golden.importers.openapi_values import Document
from golden.importers.result import Draft, Imported, Wish, slug, unfit, unique
from golden.step import Step
from golden.yaml_text import load_yaml

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_PATH = "/{}:@!$&'()*+,;=~%-._"
_FORM, _PARTS = "application/x-www-form-urlencoded", "multipart/form-data"


def read(text: str, wish: Wish) -> Imported:
    """The flows. Raises `ValueError` or `KeyError` for what is no such document."""
    raw = json.loads(text) if text.lstrip()[:1] in ("{", "[") else load_yaml(text)
    if not isinstance(raw, dict) or not ("openapi" in raw or "swagger" in raw):
        raise ValueError("it has neither 'openapi' nor 'swagger'")
    if not isinstance(raw.get("paths"), dict):
        raise ValueError("it has no 'paths'")
    document = Document(raw)
    drafts: list[Draft] = []
    warnings: list[str] = []
    for path, found in raw["paths"].items():
        if not path.startswith("/"):
            continue  # an extension of the document's own
        item = document.plain(found)
        if not isinstance(item, dict):
            warnings.append(f"{path}: left out: it cannot be read")
            continue
        for method in (one for one in _METHODS if one in item):
            try:
                operation = _Operation(document, path, method, item)
                steps = list(islice(operation.steps(), wish.limit))
            except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
                warnings.append(f"{method.upper()} {path}: left out: it cannot be read ({_what(error)})")
                continue
            warnings += [f"{operation.method} {path}: {what}" for what in operation.problems]
            if steps:
                drafts.append(Draft(operation.name, steps))
    names = unique([draft.name for draft in drafts])
    for draft, name in zip(drafts, names, strict=True):
        draft.name = name
    return Imported(tuple(draft.flow(wish) for draft in drafts), tuple(warnings))


def _what(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return str(error) if isinstance(error, ValueError) else "it is not put together as one is"


class _Value(NamedTuple):
    """A parameter with one of its examples."""

    parameter: dict[str, Any]
    value: Any


class _Operation:
    """One operation; `problems` say why a part of it could not be taken over."""

    def __init__(self, document: Document, path: str, method: str, item: dict[str, Any]) -> None:
        self.method = method.upper()
        self.problems: list[str] = []
        self._document = document
        self._operation = operation = item[method]
        base = _base(document.raw, operation.get("servers") or item.get("servers"))
        self._path = base + path.partition("#")[0].partition("?")[0]
        shared = [*(item.get("parameters") or []), *(operation.get("parameters") or [])]
        own = [document.plain(one) for one in shared]
        self._parameters = {(one["in"], one["name"]): one for one in own}
        self.name = slug(str(operation.get("operationId") or f"{method}-{quote(self._path, safe=_PATH)}"))

    def steps(self) -> Iterator[Step]:
        """One per example of the body and of each parameter; one without a body where there is none."""
        chosen = self._chosen()
        if chosen is None:
            return
        bodies = list(self._bodies())
        wanted = [(values, *one) for one in bodies for values in chosen[:1]]
        wanted += [(values, *bodies[0]) for values in chosen[1:] if bodies]
        for values, body, content_type in wanted:
            step = self._step(values, body, content_type)
            if wrong := unfit(step):
                self.problems.append(f"left out: {wrong}")
            else:
                yield step

    def _chosen(self) -> list[list[_Value]] | None:
        """The parameters with the first example of each; then once more for each further example."""
        given: list[list[_Value]] = []
        for (where, name), parameter in self._parameters.items():
            if where in ("body", "formData"):
                continue
            values = self._document.examples(parameter)
            if not values and (parameter.get("required") or where == "path"):
                self.problems.append(f"left out: {where} parameter {name!r} has no example")
                return None
            if values:
                given.append([_Value(parameter, value) for value in values])
        first = [values[0] for values in given]
        further = [
            [*first[:at], other, *first[at + 1 :]] for at, values in enumerate(given) for other in values[1:]
        ]
        return [first, *further]

    def _step(self, values: Sequence[_Value], body: Body, content_type: str) -> Step:
        path, query, headers, cookies = quote(self._path, safe=_PATH), [], [], []
        for parameter, value in values:
            name, where = str(parameter["name"]), parameter["in"]
            if where == "path":
                path = path.replace("{" + quote(name, safe=_PATH) + "}", in_path(value))
            elif where == "query":
                query += in_query(parameter, value)
            elif where == "header" and name.lower() not in ("accept", "content-type"):
                headers.append((name, template.escape(in_header(value))))
            elif where == "cookie":
                cookies.append(f"{name}={in_header(value)}")
        if left := re.search(r"\{([^{}]*)\}", path):
            raise ValueError(f"its path parameter {unquote(left[1])!r} is not described")
        target = template.escape(path + ("?" + "&".join(query) if query else ""))
        headers += [("cookie", template.escape("; ".join(cookies)))] if cookies else []
        headers += [("content-type", content_type)] if content_type else []
        return Step(0, "", self.method, target, tuple(sorted(headers)), body)

    def _bodies(self) -> Iterator[tuple[Body, str]]:
        asked = self._document.plain(self._operation.get("requestBody") or {})
        content = asked.get("content") or {}
        old = next((p for (where, _), p in self._parameters.items() if where == "body"), None)
        fields = [p for (where, _), p in self._parameters.items() if where == "formData"]
        if fields:
            yield from self._fields(fields)
            return
        if not content and old is None:
            yield NO_BODY, ""
            return
        kind = next((one for word in _KINDS for one in content if word in one), "")
        if content and not kind:
            self.problems.append(f"left out: no body of {', '.join(content)} can be made")
            return
        found = self._document.examples(self._document.plain(content[kind]) if kind else old)
        if not found and (asked.get("required") or old):
            self.problems.append("left out: its body has no example")
        elif not found:
            yield NO_BODY, ""
        for value in found:
            yield _body(kind or "application/json", value)

    def _fields(self, fields: list[dict[str, Any]]) -> Iterator[tuple[Body, str]]:
        """The form of Swagger 2: a parameter per field."""
        given: dict[str, Any] = {}
        for field in fields:
            values = self._document.examples(field)
            if values and field.get("type") != "file":
                given[field["name"]] = values[0]
            elif field.get("required"):
                self.problems.append(f"left out: form field {field['name']!r} has no example")
                return
        takes = self._operation.get("consumes") or self._document.raw.get("consumes") or []
        kind = _PARTS if _PARTS in takes and _FORM not in takes else _FORM
        yield _body(kind, given) if given else (NO_BODY, "")


_KINDS = ("json", "form-urlencoded", "multipart/form-data", "text/", "xml")


def _body(kind: str, value: Any) -> tuple[Body, str]:
    if "json" in kind:
        return Body("json", template.walk(value, template.escape)), kind
    if "form-urlencoded" in kind:
        fields = {
            name: [template.escape(as_text(one)) for one in v]
            if isinstance(v, list)
            else template.escape(as_text(v))
            for name, v in dict(value).items()
        }
        return Body("form", fields), kind
    if "multipart" in kind:
        text, kind = multipart_text((name, as_text(v)) for name, v in dict(value).items())
        return Body("text", template.escape(text)), kind
    if not isinstance(value, str):
        raise ValueError(f"the example of its body of {kind} is no text")
    return Body("text", template.escape(value)), kind


def _base(document: dict[str, Any], nearer: Any) -> str:
    """What stands before every path: `basePath`, or that of the first server, with its variables."""
    if "swagger" in document:
        address = str(document.get("basePath") or "")
    else:
        servers = nearer or document.get("servers") or [{}]
        server = servers[0] if isinstance(servers, list) and isinstance(servers[0], dict) else {}
        address = str(server.get("url", ""))
        for name, variable in (server.get("variables") or {}).items():
            address = address.replace("{" + name + "}", str(variable.get("default", "")))
    path = urlsplit(address).path.strip("/")
    return f"/{path}" if path else ""
