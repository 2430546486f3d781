"""A scripted journey read from a file in TOML, or in YAML with the same keys; it must not know where it will
be played.

name = "orders"                      # the file's name without its ending, unless said otherwise
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

In YAML, `step` is a list of mappings.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden import checks, extraction, template
from golden.body import CONTENT_TYPES, NO_BODY, Body, strict_json
from golden.errors import FlowError
from golden.extraction import Extraction
from golden.regular import read_regular, why
from golden.step import Step
from golden.yaml_text import load_yaml

_TOP = {"name", "description", "secrets", "step"}
_STEP = {"name", "method", "path", "headers", "json", "form", "body", "extract"}
METHOD = re.compile(r"[!$%&'*+.^_`|~0-9A-Z-]{3,20}")
_LANGUAGES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    ".toml": ("TOML", tomllib.loads),
    ".yaml": ("YAML", load_yaml),
    ".yml": ("YAML", load_yaml),
}
LARGEST = 16 * 1024 * 1024  # bytes


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
        language, parse = _LANGUAGES.get(path.suffix.lower(), ("TOML", tomllib.loads))
        try:
            data = parse(read_regular(path, LARGEST).decode("utf-8-sig"))
        except OSError as error:
            raise FlowError(str(path), why(error)) from None
        except (ValueError, RecursionError) as error:
            raise FlowError(str(path), f"is no valid {language} ({error})") from None
        if not isinstance(data, dict):
            raise FlowError(str(path), "holds no flow: expected the keys name and step")
        return _flow(data, path)


def load_flows(paths: list[Path]) -> tuple[list[Flow], list[FlowError]]:
    """Every flow that can be read, and a problem for every other; a folder stands for its files in TOML and
    YAML.
    """
    flows: dict[str, Flow] = {}
    problems: list[FlowError] = []
    files = [found for path in paths for found in _files(path)]
    for file in files:
        try:
            flow = Flow.load(file)
            if flow.name in flows:
                raise FlowError(str(file), f"the name {flow.name!r} is taken by {flows[flow.name].file}")
            flows[flow.name] = flow
        except FlowError as error:
            problems.append(error)
    return list(flows.values()), problems


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() in _LANGUAGES)


def _flow(data: dict[str, Any], path: Path) -> Flow:
    file = str(path)
    checks.known_keys(data, _TOP, file, "")
    name = checks.text(data.get("name", path.stem), "name", file, "")
    checks.a_name(name, "the flow's name", file, "")
    secrets = {
        key: _secret(key, value, file) for key, value in checks.table(data, "secrets", file, "").items()
    }
    entries = data.get("step")
    if not isinstance(entries, list) or not entries:
        raise FlowError(file, "has no [[step]] (in YAML: step, a list)")
    steps: list[Step] = []
    available = set(secrets)
    for number, entry in enumerate(entries, 1):
        step = _step(entry, number, file)
        if any(step.name == other.name for other in steps):
            raise FlowError(file, "the name is used twice", step=step.name)
        missing = step.references - available
        if missing:
            raise FlowError(file, f"{{{min(missing)}}} is handed on by no earlier step", step=step.name)
        if both := sorted(item.name for item in step.extract if item.name in secrets):
            raise FlowError(file, f"extract {both[0]}: a secret is called so already", step=step.name)
        available |= {item.name for item in step.extract}
        steps.append(step)
    return Flow(name, file, tuple(steps), secrets)


def _step(entry: Any, number: int, file: str) -> Step:
    if not isinstance(entry, dict):
        raise FlowError(file, f"step number {number} is no table")
    name = checks.text(entry.get("name", ""), "name", file, str(number))
    checks.a_name(name, "a step's name", file, str(number))
    checks.known_keys(entry, _STEP, file, name)
    method = checks.text(entry.get("method", "GET"), "method", file, name)
    if not METHOD.fullmatch(method):
        raise FlowError(file, f"method = {method!r}: expected capital letters, such as POST", step=name)
    target = checks.text(entry.get("path", ""), "path", file, name)
    headers = _headers(checks.table(entry, "headers", file, name), file, name)
    body = _body(entry, headers, file, name)
    if body.kind != "none" and not any(key.lower() == "content-type" for key, _ in headers):
        headers = (*headers, ("content-type", CONTENT_TYPES[body.kind]))
    step = Step(number, name, method, target, headers, body, _extracts(entry, file, name))
    if wrong := step.unsendable():
        raise FlowError(file, wrong, step=name)
    return step


def _headers(table: dict[str, Any], file: str, step: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, checks.text(value, f"headers.{key}", file, step)) for key, value in table.items())


def _extracts(entry: dict[str, Any], file: str, step: str) -> tuple[Extraction, ...]:
    found = []
    for name, text in sorted(checks.table(entry, "extract", file, step).items()):
        if not template.NAME.fullmatch(name):
            raise FlowError(file, f"extract {name!r}: expected a name of letters, digits and _", step=step)
        try:
            found.append(extraction.parse(name, checks.text(text, f"extract.{name}", file, step)))
        except ValueError as error:
            raise FlowError(file, str(error), step=step) from None
    return tuple(found)


def _body(entry: dict[str, Any], headers: tuple[tuple[str, str], ...], file: str, step: str) -> Body:
    given = [key for key in ("json", "form", "body") if key in entry]
    if len(given) > 1:
        raise FlowError(file, f"has both {given[0]} and {given[1]}: a request has one body", step=step)
    if not given:
        return NO_BODY
    kind, value = given[0], entry[given[0]]
    if kind == "json":
        checks.a_json_value(value, file, step)
        return Body("json", value)
    if kind == "form":
        return Body(
            "form",
            {
                k: [checks.text(one, f"form.{k}", file, step) for one in v]
                if isinstance(v, list)
                else checks.text(v, f"form.{k}", file, step)
                for k, v in checks.table(entry, "form", file, step).items()
            },
        )
    text = checks.text(value, "body", file, step)
    if any(key.lower() == "content-type" and "json" in setting.lower() for key, setting in headers):
        try:
            return Body("json", strict_json(text))
        except (ValueError, RecursionError):
            pass  # Wrong on purpose, perhaps: sent as it is written.
    return Body("text", text)


def _secret(name: str, value: Any, file: str) -> str:
    if not template.NAME.fullmatch(name) or not isinstance(value, str) or not re.fullmatch(r"env:\w+", value):
        raise FlowError(file, f'secrets.{name} must be "env:VARIABLE": a secret stands in no file')
    return value.removeprefix("env:")
