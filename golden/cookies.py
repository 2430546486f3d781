"""How a Set-Cookie field is stored; it must not know whose cookie it is."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime


def stored_cookie(value: str, hide: Callable[[str], str] = str) -> str:
    """A cookie's name and attributes. Its value is somebody's session: only whether there is one is kept.

    An attribute that no browser knows may hold anything; `hide` takes secrets out of the others.
    """
    pair, *attributes = [part.strip() for part in value.split(";")]
    name, equals, content = pair.partition("=")
    if not equals:  # a browser takes it for the value of a cookie without a name
        name, content = "", pair
    spelled = []
    for attribute in attributes:
        key, equals, setting = attribute.partition("=")
        key = key.strip().lower()
        said = _expires(setting) if key == "expires" else hide(setting) if key in _KNOWN else "⟨string⟩"
        spelled.append(key + equals + (said if equals and setting else ""))
    return "; ".join([f"{name}={'⟨cookie⟩' if content.strip(chr(34)) else ''}", *sorted(spelled)])


_KNOWN = frozenset({"domain", "max-age", "path", "priority", "samesite", "partitioned", "secure", "httponly"})


def _expires(setting: str) -> str:
    """A date that says the same (over, or not yet) at every time of recording."""
    try:
        over = parsedate_to_datetime(setting).timestamp() <= time.time()
    except ValueError:
        return setting
    return "Thu, 01 Jan 1970 00:00:00 GMT" if over else "Fri, 31 Dec 9999 23:59:59 GMT"
