"""Flows imported through the command line, recorded from a real server and replayed."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.golden.importing import desk, flows, replays
from tests.golden.shop import ShopServer

PAGE = """<script type="module">
const token = (await (await fetch("/token")).json()).csrf_token;
const headers = {"X-CSRF-Token": token, "Content-Type": "application/json"};
await fetch("/cart", {method: "POST", headers, body: JSON.stringify({item: "お茶", amount: 2})});
const order = await (await fetch("/orders", {method: "POST"})).json();
await fetch("/orders/" + order.id);
document.title = "done";
</script>"""


def test_a_har_of_a_real_browser_becomes_a_flow(browser: Browser, shop: ShopServer, tmp_path: Path) -> None:
    har = tmp_path / "bought.har"
    shop.orders = 41
    context = browser.new_context(record_har_path=har, record_har_content="embed")
    page = context.new_page()
    page.route("**/start", lambda route: route.fulfill(body=PAGE, content_type="text/html; charset=utf-8"))
    page.goto(f"{shop.url}/start")
    page.wait_for_function("document.title === 'done'")
    context.close()
    code, said = desk("import", "har", str(har), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    (flow,) = flows(tmp_path)
    by_target = {(step.method, step.target): step for step in flow.steps}
    assert [item.text for item in by_target["GET", "/token"].extract] == ["json:csrf_token"]
    assert ("x-csrf-token", "{csrf_token}") in by_target["POST", "/cart"].headers
    assert ("GET", "/orders/{id}") in by_target
    assert "/orders/{id}" in replays(tmp_path, shop.url)
    assert shop.seen[-1][1] == "/orders/44"  # created anew each time, and asked for by its number


OPENAPI = {
    "openapi": "3.1.0",
    "paths": {
        "/orders/{number}": {
            "parameters": [{"in": "path", "name": "number", "required": True, "schema": {"example": 7}}],
            "get": {"operationId": "showOrder", "responses": {}},
        },
        "/cart": {
            "post": {
                "operationId": "addToCart",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Line"},
                            "examples": {
                                "tea": {"value": {"item": "tea", "amount": 1}},
                                "cake": {"value": {"item": "cake", "amount": 2}},
                            },
                        }
                    },
                },
            },
            "get": {"parameters": [{"in": "query", "name": "page", "example": 2}]},
        },
        "/secret": {
            "post": {
                "operationId": "secret",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Secret"}}}
                },
            }
        },
        "/nothing/{x}": {"get": {"parameters": [{"in": "path", "name": "x", "required": True}]}},
    },
    "components": {
        "schemas": {
            "Line": {"type": "object", "properties": {"item": {"type": "string"}}},
            "Secret": {
                "type": "object",
                "required": ["password"],
                "properties": {"password": {"type": "string", "example": "opensesame-4711"}},
            },
        }
    },
}


def test_an_openapi_document_gives_a_flow_per_operation_and_a_step_per_example(
    shop: ShopServer, tmp_path: Path
) -> None:
    file = tmp_path / "api.json"
    file.write_text(json.dumps(OPENAPI))
    code, said = desk("import", "openapi", str(file), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    assert {flow["flow"]: flow["steps"] for flow in said["flows"]} == {
        "showOrder": 1,
        "addToCart": 2,
        "get-cart": 1,
        "secret": 1,
    }
    assert [
        "GET /nothing/{x}" in warning and "'x' has no example" in warning for warning in said["warnings"]
    ] == [True]
    assert "opensesame" not in (tmp_path / "flows" / "secret.toml").read_text()
    targets = replays(tmp_path, shop.url, GOLDEN_PASSWORD="opensesame-4711")
    assert set(targets) == {"/orders/7", "/cart", "/cart?page=2", "/secret"}


AS_YAML = """\
openapi: 3.1.0
servers: [{url: https://shop.example/}]
x-hint: &code {example: 007}
paths:
  x-extension: nothing of ours
  /orders/{number}:
    get:
      operationId: showOrder
      parameters:
        - {in: path, name: number, required: true, schema: *code}
      responses:
        200: {description: ok}
  /cart:
    post:
      operationId: addToCart
      requestBody:
        content:
          application/json:
            examples:
              norway: {value: {item: no, at: 2024-05-01, amount: 12}}
              time: {value: {item: "12:30", nothing: ~}}
  /strange:
    get: {parameters: [7]}
"""


def test_an_openapi_document_in_yaml_is_read_as_its_values_are_written(
    shop: ShopServer, tmp_path: Path
) -> None:
    file = tmp_path / "api.yaml"
    file.write_text(AS_YAML)
    code, said = desk("import", "openapi", str(file), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    assert {flow["flow"]: flow["steps"] for flow in said["flows"]} == {"showOrder": 1, "addToCart": 2}
    assert len(said["warnings"]) == 1
    assert "GET /strange: left out" in said["warnings"][0]
    assert replays(tmp_path, shop.url) == ["/cart", "/cart", "/orders/7"]
    sent = [body for method, path, _, body in shop.seen if path == "/cart"]
    assert [json.loads(body) for body in sent[:2]] == [
        {"item": "no", "at": "2024-05-01", "amount": 12},
        {"item": "12:30", "nothing": None},
    ]


LOG = """\
127.0.0.1 - - [20/Nov/2025:10:00:00 +0000] "GET /constant HTTP/1.1" 200 40 "-" "curl/8"
127.0.0.1 - - [20/Nov/2025:10:00:01 +0000] "GET /constant?token=planted-secret-1 HTTP/1.1" 200 40 "-" "curl/8"
127.0.0.1 - ann [20/Nov/2025:10:00:02 +0000] "GET /constant HTTP/1.1" 200 40 "-" "a \\"quoted\\" agent"
127.0.0.1 - - [20/Nov/2025:10:00:03 +0000] "POST /cart HTTP/1.1" 200 40 "-" "curl/8"
127.0.0.1 - - [20/Nov/2025:10:00:04 +0000] "GET /gone HTTP/1.1" 404 40 "-" "curl/8"
127.0.0.1 - - [20/Nov/2025:10:00:05 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"
not a line of a log
"""


def test_a_log_gives_safe_requests_once_each(shop: ShopServer, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text(LOG)
    code, said = desk("import", "nginx", str(file), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    assert [warning.partition(": ")[2][:2] for warning in said["warnings"]] == ["2 ", "1 ", "1 "]
    assert "planted-secret" not in (tmp_path / "flows" / "access.toml").read_text()
    assert replays(tmp_path, shop.url, GOLDEN_TOKEN="x") == ["/constant", "/constant?token={token}"]
    code, said = desk("import", "nginx", str(file), "--to", str(tmp_path / "flows"))
    assert code == 1
    assert "is there already" in said["problems"][0]


POSTMAN = {
    "info": {"name": "Shop"},
    "variable": [{"key": "base", "value": "https://shop.example"}, {"key": "tea", "value": "お茶"}],
    "item": [
        {
            "name": "Cart",
            "item": [
                {"name": "token", "request": {"method": "GET", "url": {"raw": "{{base}}/token"}}},
                {
                    "name": "add",
                    "request": {
                        "method": "POST",
                        "url": {"raw": "{{base}}/cart"},
                        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{jwt}}"}]},
                        "body": {"mode": "raw", "raw": '{"item": "{{tea}}", "amount": 2}'},
                    },
                },
            ],
        },
        {"name": "photo", "request": {"method": "POST", "url": "/p", "body": {"mode": "formdata"}}},
        {
            "name": "order",
            "request": {
                "method": "GET",
                "url": {"raw": "{{base}}/orders/:id", "variable": [{"key": "id", "value": "5"}]},
            },
        },
    ],
}


def test_a_collection_gives_a_flow_per_folder(shop: ShopServer, tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(POSTMAN))
    code, said = desk("import", "postman", str(file), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    assert {flow["flow"]: flow["steps"] for flow in said["flows"]} == {"Cart": 2, "Shop": 1}
    assert "'photo' left out" in said["warnings"][0]
    assert replays(tmp_path, shop.url, GOLDEN_JWT="eyJx.eyJy.z") == ["/token", "/cart", "/orders/5"]
    posted = next(request for request in shop.seen if request[0] == "POST")
    assert posted[2]["authorization"] == "Bearer eyJx.eyJy.z"
    assert json.loads(posted[3]) == {"item": "お茶", "amount": 2}


def test_a_broken_request_of_a_collection_is_named_and_the_others_are_taken(
    shop: ShopServer, tmp_path: Path
) -> None:
    query = [{"key": "a", "value": "1"}, {"key": "b", "disabled": True}]
    parts = {"host": ["x"], "path": ["constant"], "query": query}
    items: list[dict[str, Any]] = [
        {"name": "parts", "request": {"url": parts, "header": [{"key": "Connection", "value": "close"}]}},
        {"name": "nothing", "request": {"url": None}},
        {"name": "list", "request": []},
    ]
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"info": {"name": "C"}, "item": items}))
    code, said = desk("import", "postman", str(file), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    assert [warning.partition(": ")[2].partition(": ")[2] for warning in said["warnings"]] == [
        "'nothing' left out: it cannot be read",
        "'list' left out: it cannot be read",
    ]
    assert replays(tmp_path, shop.url) == ["/constant?a=1"]


def test_a_har_with_broken_entries_and_pictures_in_the_page_is_read(shop: ShopServer, tmp_path: Path) -> None:
    def entry(url: str, status: object = 200, **content: str) -> dict[str, Any]:
        answer = {"status": status, "headers": [{"name": "content-type", "value": "application/json"}]}
        return {"request": {"method": "GET", "url": url}, "response": {**answer, "content": content}}

    pictures = [entry(f"data:image/png;base64,{n}") for n in range(9)]
    wrong = entry(f"{shop.url}/b", text="abc", encoding="base64")
    broken = [{}, {"request": 7}, entry(f"{shop.url}/a", "x"), wrong]
    good = [entry(f"{shop.url}/constant", text="{}"), entry(f"{shop.url}/aborted", 0)]
    good.append(entry("https://cdn.example/x"))
    file = tmp_path / "s.har"
    file.write_text(json.dumps({"log": {"entries": [*pictures, *broken, *good]}}))
    code, said = desk("import", "har", str(file), "--to", str(tmp_path / "flows"))
    assert code == 0, said
    assert [warning.partition(": ")[2] for warning in said["warnings"]] == [
        "1 requests to cdn.example left out",
        "4 of 16 entries left out: they cannot be read",
    ]
    assert replays(tmp_path, shop.url) == ["/constant"]


@pytest.mark.parametrize("kind", ["har", "openapi", "nginx", "postman"])
@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"log": {"entries": [{}]}}', '{"item": 7}', '{"openapi": 1}', "\x00"]
)
def test_what_is_no_such_file_is_one_sentence(kind: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_text(text)
    code, said = desk("import", kind, str(file), "--to", str(tmp_path / "flows"))
    assert code == 2
    assert str(file) in said["problems"][0]
    assert "indices" not in said["problems"][0]
    assert not (tmp_path / "flows").exists()
