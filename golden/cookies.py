"""How a Set-Cookie field is stored; it must not know whose cookie it is."""

import time
from email.utils import parsedate_to_datetime


def stored_cookie(value: str) -> str:
    """A cookie's name and attributes. Its value is somebody's session: only whether there is one is kept."""
    pair, *attributes = [part.strip() for part in value.split(";")]
    name, _, content = pair.partition("=")
    spelled = []
    for attribute in attributes:
        key, equals, setting = attribute.partition("=")
        spelled.append(
            key.strip().lower() + equals + (_expires(setting) if key.lower() == "expires" else setting)
        )
    return "; ".join([f"{name}={'<cookie>' if content.strip(chr(34)) else ''}", *sorted(spelled)])


def _expires(setting: str) -> str:
    """A date that says the same (over, or not yet) at every time of recording."""
    try:
        over = parsedate_to_datetime(setting).timestamp() <= time.time()
    except ValueError:
        return setting
    return "Thu, 01 Jan 1970 00:00:00 GMT" if over else "Fri, 31 Dec 9999 23:59:59 GMT"
