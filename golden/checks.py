"""What values of a flow file must be, and a sentence for what is not; it must not know what for."""

import math
import re
from typing import Any

from golden.errors import FlowError

_LONGEST = 200  # bytes: with a number before and an ending behind, what a file's name may have
_NAME = re.compile(r"\w[\w .-]*")


def known_keys(table: dict[str, Any], keys: set[str], file: str, step: str) -> None:
    """No key but `keys`."""
    for key in table:
        if key not in keys:
            raise FlowError(file, f"unknown key {key!r}; known: {', '.join(sorted(keys))}", step=step)


def table(data: dict[str, Any], key: str, file: str, step: str) -> dict[str, Any]:
    """The table under `key`; an empty one when it is not there."""
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise FlowError(file, f"{key} = {value!r}: expected a table", step=step)
    return value


def text(value: Any, key: str, file: str, step: str) -> str:
    """`value`, which must be a string."""
    if not isinstance(value, str):
        raise FlowError(file, f"{key} = {value!r}: expected a string", step=step)
    return value


def a_name(name: str, what: str, file: str, step: str) -> None:
    """A name that can be part of a file's name on every system."""
    if len(name.encode()) > _LONGEST:
        raise FlowError(
            file, f"{what} has {len(name.encode())} bytes: expected at most {_LONGEST}", step=step
        )
    if not _NAME.fullmatch(name) or ".." in name:
        raise FlowError(file, f"{what} is {name!r}: expected letters, digits, space, _ . and -", step=step)


def a_json_value(value: Any, file: str, step: str) -> None:
    """A value that JSON has a form for."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        a_json_value(item, file, step)
    if not isinstance(value, dict | list | str | bool | int | float | None) or not _finite(value):
        raise FlowError(
            file, f"json holds {value!r}, which JSON has no form for: write it as a string", step=step
        )


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
