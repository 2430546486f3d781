"""How a parameter is written in a path, a query and a header; it must not know where values come from.

OpenAPI 3.1, 4.8.12.2 "style"; Swagger 2.0, "collectionFormat".
"""

import json
from typing import Any
from urllib.parse import quote

_BETWEEN = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "ssv": "%20", "pipes": "%7C", "tsv": "%09"}


def as_text(value: Any) -> str:
    """One value as it stands in an address: a text as it is, anything else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def in_path(value: Any) -> str:
    """Percent-encoded; the items of a list with commas between them (style `simple`)."""
    return ",".join(quote(one, safe="") for one in _items(value))


def in_header(value: Any) -> str:
    """The same without encoding."""
    return ",".join(_items(value))


def in_query(parameter: dict[str, Any], value: Any) -> list[str]:
    """The fields of the query that one parameter becomes."""
    name, style = str(parameter["name"]), parameter.get("style", "form")
    old = parameter.get("collectionFormat", "csv" if "type" in parameter else "")
    exploded = old == "multi" if old else bool(parameter.get("explode", style == "form"))
    if isinstance(value, dict) and "content" not in parameter:
        if style == "deepObject":
            return [_field(f"{name}[{key}]", as_text(one)) for key, one in value.items()]
        if exploded:
            return [_field(str(key), as_text(one)) for key, one in value.items()]
    if not isinstance(value, dict | list) or "content" in parameter:
        return [_field(name, as_text(value))]
    if exploded:
        return [_field(name, one) for one in _items(value)]
    between = _BETWEEN.get(old or style, ",")
    return [f"{quote(name, safe='')}={between.join(quote(one, safe='') for one in _items(value))}"]


def _field(name: str, value: str) -> str:
    return f"{quote(name, safe='')}={quote(value, safe='')}"


def _items(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [as_text(one) for pair in value.items() for one in pair]
    return [as_text(one) for one in value] if isinstance(value, list) else [as_text(value)]
