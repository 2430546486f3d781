"""A scripted journey read from a TOML file; it must not know where it will be played.

name = "orders"                      # the file's name without .toml, unless said otherwise
[secrets]                            # values that may stand in no file: name = "env:VARIABLE"
password = "env:SHOP_PASSWORD"
[[step]]
name = "token"
path = "/api/csrf"                   # method: GET, unless said otherwise
extract = { csrf = "json:token" }    # json: header: cookie: html:   (see extraction.py)
[[step]]
name = "order"
method = "POST"
path = "/api/orders"
headers = { X-CSRF-Token = "{csrf}" }
json = { item = 7, password = "{password}" }     # or form = { … }, or body = "text"
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden import extraction, template
from golden.body import CONTENT_TYPES, NO_BODY, Body
from golden.errors import FlowError
from golden.extraction import Extraction

_TOP = {"name", "description", "secrets", "step"}
_STEP = {"name", "method", "path", "headers", "json", "form", "body", "extract"}
_NAME = re.compile(r"\w[\w .-]*")
_METHOD = re.compile(r"[A-Z]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a journey, with references; `headers` are names and values, `extract` what it hands on."""

    number: int
    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Body = NO_BODY
    extract: tuple[Extraction, ...] = ()

    @property
    def references(self) -> frozenset[str]:
        """The names this step needs."""
        return template.names([self.target, [value for _, value in self.headers], self.body.value])


@dataclass(frozen=True, slots=True)
class Flow:
    """A journey: its steps in order; `secrets` maps a name to the environment variable that holds it."""

    name: str
    file: str
    steps: tuple[Step, ...]
    secrets: Mapping[str, str]

    @classmethod
    def load(cls, path: Path) -> "Flow":
        """Read a flow file; raises `FlowError` naming the file, the step and what was expected."""
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise FlowError(str(path), f"cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise FlowError(str(path), f"is no valid TOML ({error})") from None
        return _flow(data, path)


def load_flows(paths: list[Path]) -> tuple[list[Flow], list[FlowError]]:
    """Every flow that can be read, and a problem for every other; a folder stands for its *.toml files."""
    flows: dict[str, Flow] = {}
    problems: list[FlowError] = []
    files = [found for path in paths for found in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    for file in files:
        try:
            flow = Flow.load(file)
            if flow.name in flows:
                raise FlowError(str(file), f"the name {flow.name!r} is taken by {flows[flow.name].file}")
            flows[flow.name] = flow
        except FlowError as error:
            problems.append(error)
    return list(flows.values()), problems


def _flow(data: dict[str, Any], path: Path) -> Flow:
    file = str(path)
    _known(data, _TOP, file, "")
    name = _text(data.get("name", path.stem), "name", file, "")
    _check_name(name, "the flow's name", file, "")
    secrets = {key: _secret(key, value, file) for key, value in _table(data, "secrets", file, "").items()}
    entries = data.get("step")
    if not isinstance(entries, list) or not entries:
        raise FlowError(file, "has no [[step]]")
    steps: list[Step] = []
    available = set(secrets)
    for number, entry in enumerate(entries, 1):
        step = _step(entry, number, file)
        if any(step.name == other.name for other in steps):
            raise FlowError(file, "the name is used twice", step=step.name)
        missing = step.references - available
        if missing:
            raise FlowError(file, f"{{{min(missing)}}} is handed on by no earlier step", step=step.name)
        available |= {item.name for item in step.extract}
        steps.append(step)
    return Flow(name, file, tuple(steps), secrets)


def _step(entry: Any, number: int, file: str) -> Step:
    if not isinstance(entry, dict):
        raise FlowError(file, f"step number {number} is no table")
    name = _text(entry.get("name", ""), "name", file, str(number))
    _check_name(name, "a step's name", file, str(number))
    _known(entry, _STEP, file, name)
    method = _text(entry.get("method", "GET"), "method", file, name)
    if not _METHOD.fullmatch(method):
        raise FlowError(file, f"method = {method!r}: expected capital letters, such as POST", step=name)
    target = _text(entry.get("path", ""), "path", file, name)
    if not target.startswith("/") or "#" in target or re.search(r"[\x00-\x20\x7f]", target):
        raise FlowError(file, f"path = {target!r}: expected a path from /, without spaces or #", step=name)
    headers = _headers(_table(entry, "headers", file, name), file, name)
    body = _body(entry, file, name)
    if body.kind != "none" and not any(key.lower() == "content-type" for key, _ in headers):
        headers = (*headers, ("content-type", CONTENT_TYPES[body.kind]))
    return Step(number, name, method, target, headers, body, _extracts(entry, file, name))


def _headers(table: dict[str, Any], file: str, step: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, _text(value, f"headers.{key}", file, step)) for key, value in table.items())


def _extracts(entry: dict[str, Any], file: str, step: str) -> tuple[Extraction, ...]:
    found = []
    for name, text in sorted(_table(entry, "extract", file, step).items()):
        if not template.NAME.fullmatch(name):
            raise FlowError(file, f"extract {name!r}: expected a name of letters, digits and _", step=step)
        try:
            found.append(extraction.parse(name, _text(text, f"extract.{name}", file, step)))
        except ValueError as error:
            raise FlowError(file, str(error), step=step) from None
    return tuple(found)


def _body(entry: dict[str, Any], file: str, step: str) -> Body:
    given = [key for key in ("json", "form", "body") if key in entry]
    if len(given) > 1:
        raise FlowError(file, f"has both {given[0]} and {given[1]}: a request has one body", step=step)
    if not given:
        return Body()
    kind, value = given[0], entry[given[0]]
    if kind == "json":
        _check_json(value, file, step)
        return Body("json", value)
    if kind == "form":
        return Body(
            "form",
            {k: _text(v, f"form.{k}", file, step) for k, v in _table(entry, "form", file, step).items()},
        )
    return Body("text", _text(value, "body", file, step))


def _check_json(value: Any, file: str, step: str) -> None:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_json(item, file, step)
    if not isinstance(value, dict | list | str | bool | int | float) or not _finite(value):
        raise FlowError(
            file, f"json holds {value!r}, which JSON has no form for: write it as a string", step=step
        )


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _secret(name: str, value: Any, file: str) -> str:
    if not template.NAME.fullmatch(name) or not isinstance(value, str) or not re.fullmatch(r"env:\w+", value):
        raise FlowError(file, f'secrets.{name} must be "env:VARIABLE": a secret stands in no file')
    return value.removeprefix("env:")


def _known(table: dict[str, Any], keys: set[str], file: str, step: str) -> None:
    for key in table:
        if key not in keys:
            raise FlowError(file, f"unknown key {key!r}; known: {', '.join(sorted(keys))}", step=step)


def _table(data: dict[str, Any], key: str, file: str, step: str) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise FlowError(file, f"{key} = {value!r}: expected a table", step=step)
    return value


def _text(value: Any, key: str, file: str, step: str) -> str:
    if not isinstance(value, str):
        raise FlowError(file, f"{key} = {value!r}: expected a string", step=step)
    return value


def _check_name(name: str, what: str, file: str, step: str) -> None:
    if not _NAME.fullmatch(name) or ".." in name:
        raise FlowError(file, f"{what} is {name!r}: expected letters, digits, space, _ . and -", step=step)
