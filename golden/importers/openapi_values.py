"""The values an OpenAPI document gives as examples, references followed; it must not know operations.

A schema that stands within itself is not followed a second time: what it is part of goes without it.
"""

from typing import Any
from urllib.parse import unquote

_DEEPEST = 12
_MOST = 20_000  # parts of schemas looked at for one example
_NOTHING = object()


class Document:
    """`raw`: as it was read. A reference that leads nowhere is a `ValueError` that names it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self._looked = 0

    def examples(self, holder: Any) -> list[Any]:
        """The values for a parameter or a body: its examples, else what its schema comes to; none if none."""
        holder = self.plain(holder)
        named = holder.get("examples")
        if isinstance(named, dict):
            given = [self.plain(one) for one in named.values()]
            if found := [one["value"] for one in given if isinstance(one, dict) and "value" in one]:
                return found
        content = holder.get("content")
        if isinstance(content, dict) and content:  # a parameter that is written as a body would be
            return self.examples(next(iter(content.values())))
        self._looked = 0
        schema = {} if _OWN & holder.keys() else self.plain(holder.get("schema"))
        if isinstance(schema, dict) and not _OWN & schema.keys():
            listed = schema.get("examples")
            if isinstance(listed, list) and listed:
                return listed
        found_one = self._value(holder, frozenset(), 0)
        return [] if found_one is _NOTHING else [found_one]

    def plain(self, value: Any) -> Any:
        """A value with a reference within the document followed; what stands beside it weighs more."""
        for _ in range(_DEEPEST):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            beside = {key: item for key, item in value.items() if key != "$ref"}
            value = self._at(value["$ref"])
            if isinstance(value, dict) and beside:
                value = {**value, **beside}
        raise ValueError("its references lead in a circle")

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            raise ValueError(f"{reference} is another file and was not read")
        value: Any = self.raw
        for piece in unquote(reference[2:]).split("/"):
            key = piece.replace("~1", "/").replace("~0", "~")
            try:
                value = value[int(key)] if isinstance(value, list) else value[key]
            except (LookupError, TypeError, ValueError):
                raise ValueError(f"{reference} leads nowhere") from None
        return value

    def _value(self, schema: Any, above: frozenset[str], depth: int) -> Any:
        """The first value that is given for a schema (or for what holds one)."""
        self._looked += 1
        if self._looked > _MOST:
            raise ValueError("its schema has too many parts")
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if isinstance(reference, str):
            if reference in above:
                return _NOTHING
            above |= {reference}
        try:
            schema = self.plain(schema)
        except ValueError:
            return _NOTHING  # a part that is elsewhere: what it is part of goes without it, if it can
        if depth > _DEEPEST or not isinstance(schema, dict):
            return _NOTHING
        for key in ("example", "x-example", "default", "const"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            if isinstance(schema.get(key), list) and schema[key]:
                return schema[key][0]
        if "schema" in schema:
            return self._value(schema["schema"], above, depth + 1)
        return self._composed(schema, above, depth)

    def _composed(self, schema: dict[str, Any], above: frozenset[str], depth: int) -> Any:
        for key in ("oneOf", "anyOf"):
            for one in schema.get(key) or ():
                if (value := self._value(one, above, depth + 1)) is not _NOTHING:
                    return value
        parts = [self._value(one, above, depth + 1) for one in schema.get("allOf") or ()]
        if isinstance(schema.get("properties"), dict):
            parts.append(self._object(schema["properties"], above, depth))
        given = [part for part in parts if part is not _NOTHING]
        if given and all(isinstance(part, dict) for part in given):
            merged = {name: value for part in given for name, value in part.items()}
            return merged if merged.keys() >= self._required(schema) else _NOTHING
        if given:
            return given[0]
        if "items" in schema:
            inner = self._value(schema["items"], above, depth + 1)
            return _NOTHING if inner is _NOTHING else [inner]
        return _NOTHING

    def _required(self, schema: dict[str, Any]) -> set[str]:
        """The names without which an object is none, those of what it is made of too."""
        names = set(schema.get("required") or ())
        for one in schema.get("allOf") or ():
            plain = self.plain(one)
            names |= set(plain.get("required") or ()) if isinstance(plain, dict) else set()
        return names

    def _object(self, properties: dict[str, Any], above: frozenset[str], depth: int) -> Any:
        values = {name: self._value(inner, above, depth + 1) for name, inner in properties.items()}
        return {name: value for name, value in values.items() if value is not _NOTHING} or _NOTHING


_OWN = frozenset({"example", "x-example", "default", "const"})
