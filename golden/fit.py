"""Reads the placeholders of a recording as checks of type and format; it must not know rules or verdicts.

`fit(golden, candidate)` gives the candidate back with the golden's placeholder wherever the candidate's
value is of that type and format. What does not fit keeps its own value, so the comparison shows what was
sent.
"""

from collections.abc import Mapping
from typing import Any

from golden import template, volatile
from golden.body import Body
from golden.recording import Answer


def fit_answer(golden: Answer, candidate: Answer, forms: Mapping[str, str]) -> Answer:
    """The same for a whole answer. `forms`: the references of unknown value, with their placeholder."""
    named = dict(golden.headers)
    headers = tuple((name, fit(named.get(name), value, forms)) for name, value in candidate.headers)
    body = candidate.body
    if golden.body.kind == body.kind and body.kind in ("json", "text"):
        body = Body(body.kind, fit(golden.body.value, body.value, forms))
    return Answer(candidate.status, headers, body)


def fit(golden: Any, candidate: Any, forms: Mapping[str, str]) -> Any:
    """`candidate`, read as `golden` describes it."""
    if isinstance(golden, dict) and isinstance(candidate, dict):
        return {
            key: fit(golden[key], item, forms) if key in golden else item for key, item in candidate.items()
        }
    if isinstance(golden, list) and isinstance(candidate, list):
        # Beyond the shorter list there is nothing to read by; the comparison aligns what is left.
        longer = candidate[len(golden) :]
        return [fit(g, c, forms) for g, c in zip(golden, candidate, strict=False)] + longer
    if not isinstance(golden, str) or (type(golden) is type(candidate) and golden == candidate):
        return candidate
    if volatile.is_placeholder(golden):
        return golden if volatile.matches(golden, candidate) else candidate
    return golden if forms and _fits_references(golden, candidate, forms) else candidate


def _fits_references(golden: str, candidate: Any, forms: Mapping[str, str]) -> bool:
    unknown = template.names(golden) & set(forms)
    if not unknown or not isinstance(candidate, str):
        return False
    if len(unknown) == 1 and golden == "{" + next(iter(unknown)) + "}":
        return volatile.matches(forms[next(iter(unknown))], candidate)
    return _pieces_in_order(golden, candidate, unknown)


def _pieces_in_order(golden: str, candidate: str, unknown: frozenset[str]) -> bool:
    """Whether the literal text around the references stands in the candidate, in order."""
    for name in unknown:
        golden = golden.replace("{" + name + "}", "\0")
    first, *rest = golden.split("\0")
    if not candidate.startswith(first):
        return False
    at = len(first)
    for piece in rest[:-1]:
        at = candidate.find(piece, at + 1) + len(piece)
        if at < len(piece):
            return False
    return candidate.endswith(rest[-1]) and len(candidate) - len(rest[-1]) > at
