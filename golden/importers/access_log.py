"""nginx's combined format: which addresses were asked for.

Bodies and cookies are in no log, so only safe methods are taken.
"""

import re
from collections import Counter
from urllib.parse import quote

from golden import template
from golden.importers.result import Draft, Imported, Wish, slug
from golden.step import Step

_LINE = re.compile(
    r'\S+ \S+ .*? \[[^\]]*\] "(?P<request>[^"\\]*(?:\\.[^"\\]*)*)" (?P<status>\d{3}) (?:\d+|-)(?: |$)'
)
_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<target>/\S*) HTTP/\d(?:\.\d)?")
_SAFE = ("GET", "HEAD")
# How nginx writes a byte that could be mistaken in a log: `\x22`, and with escape=json also `\"`.
_ESCAPED = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))")


def read(text: str, wish: Wish) -> Imported:
    """One flow: every address once, what was asked for most first. Raises `ValueError` for another format."""
    asked: Counter[tuple[str, str]] = Counter()
    other = unsafe = failed = lines = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        lines += 1
        found = _LINE.match(line)
        request = _REQUEST.fullmatch(found["request"]) if found else None
        if found is None or request is None:
            other += 1
        elif request["method"] not in _SAFE:
            unsafe += 1
        elif not 200 <= int(found["status"]) < 400:
            failed += 1
        else:
            asked[request["method"], _ESCAPED.sub(_as_sent, request["target"]).partition("#")[0]] += 1
    if not asked:
        raise ValueError(f"none of its {lines} lines is a safe request in the combined format that went well")
    chosen = [pair for pair, _ in asked.most_common(wish.limit)]
    steps = [Step(0, "", method, template.escape(quote(target, safe=_URL))) for method, target in chosen]
    warnings = [
        f"{count} lines left out: {why}"
        for count, why in (
            (other, "not in the combined format"),
            (unsafe, "their method is not safe to repeat, and their bodies are in no log"),
            (failed, "they were not answered with success"),
        )
        if count
    ]
    if len(asked) > len(chosen):
        warnings.append(f"{len(asked) - len(chosen)} more addresses, each asked for less often, left out")
    name = slug(wish.name)
    return Imported((Draft(name, steps).flow(wish),), tuple(warnings))


def _as_sent(escaped: re.Match[str]) -> str:
    """The byte itself, as an address holds it."""
    return f"%{escaped[1].upper()}" if escaped[1] else quote(escaped[2], safe="/")


_URL = "%/:?#[]@!$&'()*+,;=~{}|\"<>^`\\-._"
