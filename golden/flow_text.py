"""Writes a flow as the TOML file a person would have written; it must not know where the flow came from."""

import json
import re
from typing import Any

from golden.flow import Flow
from golden.step import Step

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LARGEST = 2**63


def to_toml(flow: Flow, *comments: str) -> str:
    """The file's content; `comments` stand at its head."""
    lines = [f"# {comment}" for comment in comments]
    lines.append(f"name = {_text(flow.name)}")
    if flow.secrets:
        lines += [
            "",
            "[secrets]",
            *(f'{name} = "env:{value}"' for name, value in sorted(flow.secrets.items())),
        ]
    for step in flow.steps:
        lines += ["", *_step(step)]
    return "\n".join(lines) + "\n"


def _step(step: Step) -> list[str]:
    lines = ["[[step]]", f"name = {_text(step.name)}"]
    if step.method != "GET":
        lines.append(f"method = {_text(step.method)}")
    lines.append(f"path = {_text(step.target)}")
    if step.headers:
        lines.append(f"headers = {_value(dict(step.headers))}")
    body = step.body
    if body.kind == "form" or (body.kind == "json" and _has_form(body.value)):
        lines.append(f"{body.kind} = {_value(body.value)}")
    elif body.kind != "none":
        # TOML has no null: such a body is written as the text it is on the wire.
        text = body.value if body.kind == "text" else json.dumps(body.value, ensure_ascii=False)
        lines.append(f"body = {_text(text)}")
    if step.extract:
        lines.append(f"extract = {_value({item.name: item.text for item in step.extract})}")
    return lines


def _has_form(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_has_form, value.values()))
    if isinstance(value, list):
        return all(map(_has_form, value))
    return value is not None and (not isinstance(value, int) or abs(value) < _LARGEST)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for a character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
