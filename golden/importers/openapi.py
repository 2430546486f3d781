"""OpenAPI 3 (and Swagger 2) in JSON: one flow per operation, one step per example.

Values come from the document alone (example, examples, default, enum): nothing is made up, and
what has no example is named.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from golden import template
from golden.body import NO_BODY, Body
from golden.importers.result import Draft, Imported, Wish, slug, unique
from golden.step import Step

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_DEEPEST = 12
_NOTHING = object()


def read(text: str, wish: Wish) -> Imported:
    """The flows. Raises `ValueError` or `KeyError` for what is no such document."""
    if not text.lstrip().startswith("{"):
        raise ValueError("it is not JSON; a document in YAML has to be converted first")
    document = json.loads(text)
    if not ("openapi" in document or "swagger" in document):
        raise ValueError("it has neither 'openapi' nor 'swagger'")
    servers = document.get("servers") or [{}]
    base = str(document.get("basePath") or urlsplit(str(servers[0].get("url", ""))).path).rstrip("/")
    drafts: list[Draft] = []
    warnings: list[str] = []
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method in _METHODS:
            if method not in item:
                continue
            operation = _Operation(document, base + path, method.upper(), shared, item[method])
            steps = list(islice(operation.steps(), wish.limit))
            warnings += [f"{operation.method} {path}: {what}" for what in operation.problems]
            if steps:
                drafts.append(Draft(operation.name, steps))
    names = unique([draft.name for draft in drafts])
    for draft, name in zip(drafts, names, strict=True):
        draft.name = name
    return Imported(tuple(draft.flow(wish.scrubber) for draft in drafts), tuple(warnings))


class _Operation:
    """One operation; `problems` say why a part of it could not be taken over."""

    def __init__(
        self, document: Any, path: str, method: str, shared: list[Any], operation: dict[str, Any]
    ) -> None:
        self.method = method
        self.problems: list[str] = []
        self._document = document
        self._path = path
        self._operation = operation
        own = [self._plain(one) for one in [*shared, *operation.get("parameters", [])]]
        self._parameters = {(one["in"], one["name"]): one for one in own}
        self.name = slug(str(operation.get("operationId") or f"{method.lower()}-{path}"))

    def steps(self) -> Iterator[Step]:
        """One per example of the body; one without a body where there is none."""
        path, query, headers = self._path, [], []
        for (where, name), parameter in self._parameters.items():
            value = self._example(parameter)
            if value is _NOTHING:
                if parameter.get("required") or where == "path":
                    self.problems.append(f"left out: {where} parameter {name!r} has no example")
                    return
                continue
            text = value if isinstance(value, str) else json.dumps(value)
            if where == "path":
                path = path.replace("{" + name + "}", quote(text, safe=""))
            elif where == "query":
                query.append(f"{quote(name, safe='')}={quote(text, safe='')}")
            elif where == "header":
                headers.append((name, template.escape(text)))
        target = template.escape(path + ("?" + "&".join(query) if query else ""))
        for body, content_type in self._bodies():
            more = (("content-type", content_type),) if content_type else ()
            yield Step(0, "", self.method, target, tuple(sorted((*headers, *more))), body)

    def _bodies(self) -> Iterator[tuple[Body, str]]:
        asked = self._plain(self._operation.get("requestBody") or {})
        content = asked.get("content") or {}
        chosen = next((kind for kind in content if "json" in kind), None) or next(
            (kind for kind in content if "form-urlencoded" in kind), None
        )
        old = next((p for (where, _), p in self._parameters.items() if where == "body"), None)
        if chosen is None and old is None:
            if content:
                self.problems.append(f"left out: no body of {', '.join(content)} can be made")
            else:
                yield NO_BODY, ""
            return
        media = self._plain(content[chosen] if chosen else (old or {}))
        examples = [self._plain(one).get("value", _NOTHING) for one in (media.get("examples") or {}).values()]
        found = [value for value in examples if value is not _NOTHING] or [self._example(media)]
        if found == [_NOTHING]:
            if asked.get("required") or old:
                self.problems.append("left out: its body has no example")
            else:
                yield NO_BODY, ""
            return
        for value in found:
            if chosen and "form" in chosen:
                yield Body("form", {name: template.escape(str(v)) for name, v in dict(value).items()}), chosen
            else:
                yield Body("json", template.walk(value, template.escape)), chosen or "application/json"

    def _example(self, holder: Any, depth: int = 0) -> Any:
        """The first value that the document gives for a parameter, a body or a schema."""
        holder = self._plain(holder)
        if depth > _DEEPEST or not isinstance(holder, dict):
            return _NOTHING
        examples = holder.get("examples")
        if isinstance(examples, dict) and examples:
            return self._plain(next(iter(examples.values()))).get("value", _NOTHING)
        for key in ("example", "x-example", "default", "const"):
            if key in holder:
                return holder[key]
        for key in ("examples", "enum"):
            if isinstance(holder.get(key), list) and holder[key]:
                return holder[key][0]
        if "schema" in holder:
            return self._example(holder["schema"], depth + 1)
        return self._object(holder, depth)

    def _object(self, schema: dict[str, Any], depth: int) -> Any:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            values = {name: self._example(inner, depth + 1) for name, inner in properties.items()}
            if any(values.get(name, _NOTHING) is _NOTHING for name in schema.get("required", ())):
                return _NOTHING
            return {name: value for name, value in values.items() if value is not _NOTHING} or _NOTHING
        if "items" in schema:
            inner = self._example(schema["items"], depth + 1)
            return _NOTHING if inner is _NOTHING else [inner]
        return _NOTHING

    def _plain(self, value: Any) -> Any:
        """A value with a reference within the document followed."""
        for _ in range(_DEEPEST):
            if not isinstance(value, dict) or "$ref" not in value:
                return value
            reference = str(value["$ref"])
            if not reference.startswith("#/"):
                self.problems.append(f"{reference} is another file and was not read")
                return {}
            value = self._document
            for piece in reference[2:].split("/"):
                value = value[piece.replace("~1", "/").replace("~0", "~")]
        return {}
