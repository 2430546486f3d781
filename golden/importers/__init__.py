"""Flows made from what a team has already: it must not ask any side, nor write anything.

har          a session as a browser has saved it: values from answers threaded into later requests
openapi      one flow per operation, one step per example (openapi_values), with its parameters written as
             their style says (openapi_parameters)
access_log   the safe requests of a log in nginx's combined format
postman      a collection: one flow per folder at its top
multipart    the body of a form with parts, as text
result       what all of them give: flows, and sentences about what could not be taken over
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from golden.errors import FlowError
from golden.importers import access_log, har, openapi, postman
from golden.importers.result import Imported, Wish
from golden.regular import read_regular, why

FORMATS: Mapping[str, Callable[[str, Wish], Imported]] = {
    "har": har.read,
    "openapi": openapi.read,
    "nginx": access_log.read,
    "postman": postman.read,
}
LARGEST = 256 * 1024 * 1024


def import_flows(kind: str, path: Path, wish: Wish) -> Imported:
    """The flows in a file of one of `FORMATS`. Raises `FlowError` when it is none."""
    try:
        raw = read_regular(path, LARGEST)
        text = raw.decode("utf-8-sig", "strict" if kind != "nginx" else "replace")
    except OSError as error:
        raise FlowError(str(path), why(error)) from None
    except ValueError:
        raise FlowError(str(path), f"is no {kind} file: it is no text") from None
    try:
        return FORMATS[kind](text, wish)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise FlowError(str(path), f"is no {kind} file that can be read ({_what(error)})") from None


def _what(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return str(error) if isinstance(error, ValueError) else "it is not put together as one is"


__all__ = ["FORMATS", "Imported", "Wish", "import_flows"]
