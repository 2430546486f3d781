"""Files as browsers, generators and servers really write them: what cannot be taken over is named, and the
rest is sent as it was meant.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from golden import FlowError, Wish, import_flows, scrubber_for, to_toml
from golden.flow import Flow
from shadow import DEFAULT_RULES
from tests.golden.importing import desk, flows, replays
from tests.golden.shop import ShopServer

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=xx"


def _imported(kind: str, text: str, folder: Path) -> list[str]:
    """Import one file; the warnings without the file's name."""
    file = folder / "shop.in"
    file.write_text(text, "utf-8", "surrogatepass")
    code, said = desk("import", kind, str(file), "--to", str(folder / "flows"))
    assert (code, said["problems"]) == (0, []), said
    return [warning.removeprefix(f"{file}: ") for warning in said["warnings"]]


def _steps(folder: Path) -> list[tuple[str, str]]:
    return [(step.method, step.target) for flow in flows(folder) for step in flow.steps]


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _entry(url: object, method: object = "GET", status: int = 200, **more: Any) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in more.get("headers", {}).items()]
    asked: dict[str, Any] = {"method": method, "url": url, "headers": headers}
    if "post" in more:
        asked["postData"] = more["post"]
    answer = {"status": status, "headers": [{"name": "content-type", "value": JSON}], "content": {}}
    return {"request": asked, "response": answer}


def _har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"entries": entries}})


def test_a_har_whose_bodies_are_fields_sends_them(shop: ShopServer, tmp_path: Path) -> None:
    fields = [{"name": "note", "value": "1 & 2"}, {"name": "who", "value": "茶"}]
    secret = [*fields, {"name": "password", "value": "planted-4711"}]
    file = [{"name": "photo", "fileName": "x.png", "contentType": "image/png"}]
    text = _har(
        _entry(f"{shop.url}/a", "POST", post={"mimeType": FORM, "params": fields}),
        _entry(f"{shop.url}/b", "POST", post={"mimeType": PARTS, "params": secret}),
        _entry(f"{shop.url}/c", "POST", post={"mimeType": PARTS, "params": file}),
        _entry(
            f"{shop.url}/d", "POST", post={"mimeType": JSON, "encoding": "base64", "text": "eyJhIjoxfQ=="}
        ),
    )
    assert _imported("har", text, tmp_path) == ["1 of 4 entries left out: they cannot be read"]
    assert b"planted" not in (tmp_path / "flows" / "shop.toml").read_bytes()
    assert replays(tmp_path, shop.url, GOLDEN_PASSWORD="planted-4711") == ["/a", "/b", "/d"]
    bodies = {path: body for _, path, _, body in shop.seen}
    assert bodies["/a"] == b"note=1+%26+2&who=%E8%8C%B6"
    parts = bodies["/b"].split(b"\r\n")
    assert parts[:4] == [b"--xx", b'Content-Disposition: form-data; name="note"', b"", b"1 & 2"]
    assert parts[-3:] == [b"planted-4711", b"--xx--", b""]
    assert bodies["/d"] == b'{"a":1}'


def test_a_har_with_what_is_no_plain_request_is_read(shop: ShopServer, tmp_path: Path) -> None:
    host = shop.url.removeprefix("http://")
    text = _har(
        _entry(f"ws://{host}/socket", status=101),
        _entry(f"{shop.url}/upgraded", status=101, headers={"Upgrade": "websocket"}),
        _entry(f"{shop.url}/お茶?q=茶 2"),
        _entry(f"http://ann:geheim@{host}/constant#part"),
        _entry("https://ann:geheim@CDN.example:443/x"),
        _entry(f"{shop.url}/a", 7),
        _entry(f"{shop.url}/b", "get"),
        _entry(f"{shop.url}/c", headers={"bad name": "x"}),
        _entry(f"{shop.url}/d\ud800"),
        _entry(7),
    )
    assert _imported("har", text, tmp_path) == [
        "1 requests to cdn.example left out",
        "5 of 10 entries left out: they cannot be read",
        "2 WebSockets left out: they hold no answer to one request",
    ]
    assert replays(tmp_path, shop.url) == ["/%E3%81%8A%E8%8C%B6?q=%E8%8C%B6%202", "/constant"]


def _api(paths: Any, **more: Any) -> str:
    return json.dumps({"openapi": "3.1.0", "paths": paths, **more})


def _takes(schema: Any, kind: str = JSON, **media: Any) -> dict[str, Any]:
    return {"post": {"requestBody": {"required": True, "content": {kind: {"schema": schema, **media}}}}}


SCHEMAS = {
    "Name": {"type": "object", "required": ["name"], "properties": {"name": {"example": "tea"}}},
    "Node": {
        "properties": {
            "id": {"example": 1},
            **{f"n{n}": {"$ref": "#/components/schemas/Node"} for n in range(9)},
            "all": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
        }
    },
    "Elsewhere": {"properties": {"id": {"example": 2}, "x": {"$ref": "other.yaml#/X"}}},
}
AMOUNT = {"properties": {"amount": {"default": 2}}}


def test_an_openapi_document_with_composed_and_circular_schemas(shop: ShopServer, tmp_path: Path) -> None:
    paths = {
        "/all": _takes({"allOf": [{"$ref": "#/components/schemas/Name"}, AMOUNT]}),
        "/one": _takes({"oneOf": [{"type": "object"}, {"$ref": "#/components/schemas/Name"}]}),
        "/node": _takes({"$ref": "#/components/schemas/Node"}),
        "/elsewhere": _takes({"$ref": "#/components/schemas/Elsewhere"}),
        "/lacking": _takes({"allOf": [AMOUNT, {"required": ["name"]}]}),
        "/listed": _takes({"examples": [{"a": 1}, {"a": 2}]}),
        "/lost": _takes({"$ref": "#/components/schemas/Nobody"}),
        "/circle": {"post": {"requestBody": {"$ref": "#/components/requestBodies/R"}}},
        "/item": {"$ref": "#/components/pathItems/P"},
        "/null": None,
        "/none": {"get": None},
    }
    parts = {
        "schemas": SCHEMAS,
        "requestBodies": {"R": {"$ref": "#/components/requestBodies/R"}},
        "pathItems": {"P": {"get": {"operationId": "referred"}}},
    }
    assert _imported("openapi", _api(paths, components=parts), tmp_path) == [
        "POST /lacking: left out: its body has no example",
        "POST /lost: left out: it cannot be read (#/components/schemas/Nobody leads nowhere)",
        "POST /circle: left out: it cannot be read (its references lead in a circle)",
        "/null: left out: it cannot be read",
        "GET /none: left out: it cannot be read (it is not put together as one is)",
    ]
    replays(tmp_path, shop.url)
    sent: dict[str, list[Any]] = {}
    for _, path, _, body in shop.seen[: len(shop.seen) // 2]:
        sent.setdefault(path, []).append(json.loads(body) if body else None)
    assert sent == {
        "/all": [{"name": "tea", "amount": 2}],
        "/one": [{"name": "tea"}],
        "/node": [{"id": 1}],
        "/elsewhere": [{"id": 2}],
        "/listed": [{"a": 1}, {"a": 2}],
        "/item": [None],
    }


def test_every_example_of_a_parameter_is_a_step_and_written_in_its_style(
    shop: ShopServer, tmp_path: Path
) -> None:
    two: dict[str, Any] = {"examples": {"first": {"value": 1}, "second": {"value": 2}}}
    styled: list[dict[str, Any]] = [
        {"in": "query", "name": "many", "example": ["a", "b c"]},
        {"in": "query", "name": "comma", "explode": False, "example": [1, 2]},
        {"in": "query", "name": "pipe", "style": "pipeDelimited", "explode": False, "example": [1, 2]},
        {"in": "query", "name": "deep", "style": "deepObject", "example": {"k": True}},
        {"in": "query", "name": "as", "content": {JSON: {"example": {"k": 1}}}},
        {"in": "header", "name": "X-Many", "example": ["a", "b"]},
        {"in": "cookie", "name": "theme", "example": "dark-4711"},
    ]
    paths = {
        "/orders/{id}": {
            "servers": [{"url": "https://x.example/{version}/", "variables": {"version": {"default": "v2"}}}],
            "parameters": [{"in": "path", "name": "id"} | two],
            "get": {"parameters": [{"in": "query", "name": "page"} | two]},
        },
        "/styled/{ids}": {
            "get": {"parameters": [*styled, {"in": "path", "name": "ids", "example": ["x/y", 2]}]}
        },
        "/undescribed/{id}": {"get": {}},
        "/header": {"get": {"parameters": [{"in": "header", "name": "X-A", "example": "a\nb"}]}},
    }
    assert [warning[:60] for warning in _imported("openapi", _api(paths), tmp_path)] == [
        "GET /undescribed/{id}: left out: it cannot be read (its path",
        "GET /header: left out: header 'X-A': its value holds a line ",
    ]
    assert _steps(tmp_path) == [
        (
            "GET",
            "/styled/x%2Fy,2?many=a&many=b%20c&comma=1,2&pipe=1%7C2&deep%5Bk%5D=true&as=%7B%22k%22%3A%201%7D",
        ),
        ("GET", "/v2/orders/1?page=1"),
        ("GET", "/v2/orders/2?page=1"),
        ("GET", "/v2/orders/1?page=2"),
    ]
    replays(tmp_path, shop.url, GOLDEN_COOKIE="dark-4711")
    styled_one = next(_lower(headers) for _, path, headers, _ in shop.seen if "styled" in path)
    assert (styled_one["x-many"], styled_one["cookie"]) == ("a,b", "theme=dark-4711")


def test_swagger_2_and_bodies_that_are_no_json(shop: ShopServer, tmp_path: Path) -> None:
    fields: list[dict[str, Any]] = [
        {"in": "formData", "name": "a", "type": "string", "required": True, "default": "x y"},
        {"in": "formData", "name": "photo", "type": "file"},
    ]
    listed: dict[str, Any] = {"in": "query", "name": "l", "type": "array", "default": ["a", "b"]}
    old = {
        "/form": {"post": {"parameters": fields}},
        "/parts": {"post": {"consumes": ["multipart/form-data"], "parameters": fields}},
        "/file": {"post": {"parameters": [{**fields[1], "required": True}]}},
        "/list": {"get": {"parameters": [listed, {**listed, "name": "m", "collectionFormat": "multi"}]}},
    }
    swagger = json.dumps({"swagger": "2.0", "basePath": "/v2", "paths": old})
    assert _imported("openapi", swagger, tmp_path) == [
        "POST /file: left out: form field 'photo' has no example"
    ]
    new = {
        "/text": _takes({}, "text/plain", example="hello {x}"),
        "/xml": _takes({}, "application/xml", example="<a/>"),
        "/fields": _takes({"properties": {"b": {"example": [1, True]}}}, FORM),
        "/octets": _takes({}, "application/octet-stream", example="x"),
    }
    warnings = _imported("openapi", _api(new), tmp_path)
    assert warnings == ["POST /octets: left out: no body of application/octet-stream can be made"]
    replays(tmp_path, shop.url)
    bodies = {path: body for _, path, _, body in shop.seen}
    assert bodies.pop("/v2/parts").split(b"\r\n")[1:4] == [
        b'Content-Disposition: form-data; name="a"',
        b"",
        b"x y",
    ]
    assert bodies == {
        "/v2/form": b"a=x+y",
        "/v2/list?l=a,b&m=a&m=b": b"",
        "/text": b"hello {x}",
        "/xml": b"<a/>",
        "/fields": b"b=1&b=true",
    }


LOG = r"""
::1 - - [20/Nov/2025:10:00:00 +0000] "GET /constant?x=\x22a\x22 HTTP/1.1" 200 40 "-" "curl/8"
2001:db8::7 - - [20/Nov/2025:10:00:00 +0000] "GET /\xE8\x8C\xB6/\x5Cb HTTP/2.0" 200 40 "-" "a \x22b\x22"
unix: - ann lee [20/Nov/2025:10:00:00 +0000] "GET /mail/ann@example.org/x HTTP/1.1" 304 - "-" "-"
1.1.1.1 - - [20/Nov/2025:10:00:00 +0000] "GET /{id}?{x} HTTP/3.0" 200 40 "-" "-" "9.9.9.9"
1.1.1.1 - - [20/Nov/2025:10:00:00 +0000] "GET http://evil.example/ HTTP/1.1" 200 40 "-" "-"
1.1.1.1 - - [20/Nov/2025:10:00:00 +0000] "GET /a b HTTP/1.1" 200 40 "-" "-"
1.1.1.1 - - [20/Nov/2025:10:00:00 +0000] "" 400 0 "-" "-"
"""


def test_a_log_with_escapes_asks_for_what_was_asked_for(shop: ShopServer, tmp_path: Path) -> None:
    assert _imported("nginx", LOG, tmp_path) == ["3 lines left out: not in the combined format"]
    replays(tmp_path, shop.url, GOLDEN_EMAIL="ann@example.org")
    assert [path for _, path, _, _ in shop.seen[:4]] == [
        "/constant?x=%22a%22",
        "/%E8%8C%B6/%5Cb",
        "/mail/ann%40example.org/x",
        "/%7Bid%7D?{x}",
    ]


def _ask(name: str, **asked: Any) -> dict[str, Any]:
    return {"name": name, "request": {"method": "GET", "url": "{{base}}/constant", **asked}}


def _posts(name: str, mode: str, value: Any, **more: Any) -> dict[str, Any]:
    return _ask(name, method="POST", body={"mode": mode, mode: value, **more})


GRAPH = "query($id: ID!){order(id: $id){id}}"


def test_a_collection_with_authorization_of_every_kind(shop: ShopServer, tmp_path: Path) -> None:
    bearer = {"type": "bearer", "bearer": {"token": "planted-bearer-1"}}  # as v2.0 writes it
    key = [{"key": "key", "value": "X-Shop"}, {"key": "value", "value": "planted-key-2"}]
    basic = [{"key": "username", "value": "ann"}, {"key": "password", "value": "planted-basic-3"}]
    asked = [{"key": "username", "value": "{{who}}"}, {"key": "password", "value": "planted-basic-4"}]
    in_query = {"key": "k", "value": "planted-query-5", "in": "query"}
    folder = {
        "name": "Inherits",
        "auth": {"type": "apikey", "apikey": key},
        "item": [
            _ask("key"),
            {"name": "deeper", "auth": {"type": "basic", "basic": basic}, "item": [_ask("basic")]},
            _ask("nobody", auth={"type": "noauth"}),
            _ask("query", auth={"type": "apikey", "apikey": in_query}),
            _ask("asked", auth={"type": "basic", "basic": asked}),
            _ask("digest", auth={"type": "digest", "digest": []}),
        ],
    }
    collection = {"item": [folder, _ask("bearer")], "auth": bearer}
    assert _imported("postman", json.dumps(collection), tmp_path) == [
        "Inherits: GOLDEN_BASIC_WHO is to hold the base64 of user:password",
        "Inherits: authorization of the kind 'digest' was not taken over",
    ]
    assert b"planted" not in b"".join(file.read_bytes() for file in (tmp_path / "flows").iterdir())
    replays(
        tmp_path,
        shop.url,
        GOLDEN_X_SHOP="planted-key-2",
        GOLDEN_K="planted-query-5",
        GOLDEN_BASIC_WHO="YTpi",
        GOLDEN_AUTHORIZATION="Basic YW5uOnBsYW50ZWQtYmFzaWMtMw==",
        GOLDEN_AUTHORIZATION_2="Bearer planted-bearer-1",  # the same name in another flow, another secret
    )
    seen = [(path, _lower(headers)) for _, path, headers, _ in shop.seen]
    told = [(path, sent.get("x-shop"), sent.get("authorization")) for path, sent in seen]
    other = ("/constant", None, "Bearer planted-bearer-1")
    assert told.count(other) == 2
    told = [one for one in told if one != other][:6]
    assert told == [
        ("/constant", "planted-key-2", None),
        ("/constant", None, "Basic YW5uOnBsYW50ZWQtYmFzaWMtMw=="),
        ("/constant", None, None),
        ("/constant?k=planted-query-5", None, None),
        ("/constant", None, "Basic YTpi"),
        ("/constant", None, None),
    ]


def test_a_collection_with_bodies_and_addresses_of_every_kind(shop: ShopServer, tmp_path: Path) -> None:
    held = [
        {"key": "base", "value": "{{host}}/v1"},
        {"key": "round", "value": "{{trip}}"},
        {"key": "trip", "value": "{{round}}"},
        {"key": "nothing", "value": None},
    ]
    fields = [{"key": "a", "value": "1"}, {"key": "a", "value": "{{two}}"}, {"key": "b", "value": None}]
    items = [
        _posts("graph", "graphql", {"query": GRAPH, "variables": '{"id": "{{two}}"}'}),
        _posts("unquoted", "graphql", {"query": "{x}", "variables": '{"id": {{two}}}', "operationName": "Q"}),
        _posts("fields", "urlencoded", fields),
        _posts("parts", "formdata", fields),
        _posts("photo", "formdata", [{"key": "p", "type": "file", "src": "x.png"}]),
        _posts("number", "raw", "12", options={"raw": {"language": "text"}}),
        _posts("markup", "raw", "<a/>", options={"raw": {"language": "xml"}}),
        _posts("off", "raw", "x", disabled=True),
        _ask("host first", url="shop.example:3000/plain?x={{two}}"),
        _ask("scheme", url="{{scheme}}://{{host}}:{{port}}/scheme"),
        _ask("named", url={"raw": "https://x/:order/:line", "variable": [{"key": "order", "value": "7"}]}),
        _ask("circle", url="https://x/{{round}}"),
        _ask("lines", url="https://x/lines", header="X-A: 1\nX-B: 2"),
        _ask("bad header", header=[{"key": "X A", "value": "1"}]),
        _ask("..dots...\n::error::x", url="https://x/dots"),
    ]
    collection = {"info": {"name": "お茶" * 60}, "item": [*items, 7], "variable": held}
    assert _imported("postman", json.dumps(collection), tmp_path) == [
        "an item is neither a folder nor a request: left out",
        f"{'お茶' * 60}: 'photo' left out: its body is made of files, or of nothing that is here",
        f"{'お茶' * 60}: 'bad header' left out: header 'X A': expected a name of letters, digits and -",
    ]
    env = {"GOLDEN_TWO": "22", "GOLDEN_LINE": "3", "GOLDEN_ROUND": "r", "GOLDEN_TRIP": "t"}
    replays(tmp_path, shop.url, **env)
    sent = {
        path + str(at): (body, _lower(headers).get("content-type"))
        for at, (_, path, headers, body) in enumerate(shop.seen[:13])
    }
    assert {place: body for place, (body, _) in sent.items() if place != "/v1/constant3"} == {
        "/v1/constant0": json.dumps(
            {"query": GRAPH, "variables": {"id": "22"}}, separators=(",", ":")
        ).encode(),
        "/v1/constant1": b'{"query": "{x}", "operationName": "Q", "variables": {"id": 22}}',
        "/v1/constant2": b"a=1&a=22&b=",
        "/v1/constant4": b"12",
        "/v1/constant5": b"<a/>",
        "/v1/constant6": b"",
        "/plain?x=227": b"",
        "/scheme8": b"",
        "/7/39": b"",
        "/r10": b"",
        "/lines11": b"",
        "/dots12": b"",
    }
    assert sent["/v1/constant3"][0].count(b'name="a"') == 2
    assert sent["/v1/constant5"][1] == "application/xml"
    assert _lower(shop.seen[11][2])["x-b"] == "2"


ODD: list[Any] = [None, True, 7, "x", "{{x}}", "\ud800", [], [7], {}, {"x": None}, [[]], {"$ref": "#/"}]
PAIR = [{"key": "a", "value": "1"}]
BEARER = {"type": "bearer", "bearer": [{"key": "token", "value": "t"}]}
GRAPHQL = {"query": "q", "variables": "{}"}
PARAMETER = {"in": "query", "name": "q", "example": 1}
WHOLE: dict[str, Any] = {
    "har": json.loads(
        _har(
            _entry("http://x/a", "POST", post={"mimeType": FORM, "params": [{"name": "a", "value": "b"}]}),
            _entry("http://x/b", "POST", post={"mimeType": JSON, "text": "{}"}),
        )
    ),
    "openapi": {
        "openapi": "3.1.0",
        "servers": [{"url": "/v1", "variables": {"a": {"default": "b"}}}],
        "paths": {"/a": {**_takes(SCHEMAS["Name"]), "parameters": [PARAMETER]}},
    },
    "postman": {
        "info": {"name": "C"},
        "variable": PAIR,
        "item": [
            {"name": "F", "auth": BEARER, "item": [_posts("g", "graphql", GRAPHQL)]},
            _posts("u", "urlencoded", PAIR),
        ],
    },
}


@pytest.mark.parametrize("kind", WHOLE)
def test_whatever_stands_in_a_place_is_a_sentence_or_flows(kind: str, tmp_path: Path) -> None:
    scrubber = scrubber_for(DEFAULT_RULES)
    file = tmp_path / "odd.json"
    good = 0
    for place in _places(WHOLE[kind]):
        for value in ODD:
            file.write_text(json.dumps(_with(WHOLE[kind], place, value)))
            try:
                found = import_flows(kind, file, Wish("odd", scrubber))
            except FlowError:
                continue
            for flow in found.flows:
                (tmp_path / "flow.toml").write_text(to_toml(flow))
                assert len(Flow.load(tmp_path / "flow.toml").steps) == len(flow.steps), (place, value)
                good += 1
    assert good > 100


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(place for key, item in inner for place in _places(item, (*above, key)))]


def _with(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    if not place:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], other)
    return copy
