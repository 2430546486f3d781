"""Why a request goes where it goes: asks the same pure functions as the request path, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from flags import Context, FeatureState, FlagSnapshot, evaluate
from gateway.control.answers import Explanation, percent_number
from gateway.control.errors import Invalid
from gateway.core.context import ContextReader, Place
from gateway.core.decision import decide
from gateway.core.headers import BadFields, read_request_fields
from gateway.core.message import is_method
from gateway.core.route import RouteTable
from gateway.core.target import BadTarget, parse_target

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["Sent", "explain"]


class Sent(NamedTuple):
    """What a request brought beside its key: its client's address, and fields."""

    address: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def explain(
    config: Config,
    snapshot: FlagSnapshot,
    breaker: str,
    method: str,
    target: str,
    key: str | None,
    sent: Sent,
) -> Explanation:
    """The decision for a request with this sticky key; `key` None stands for a user who has none yet.

    Raises:
        Invalid: for a target that the gateway would refuse, or a method that is no token.
    """
    if not is_method(method.encode("ascii", "replace").upper()):
        raise Invalid("method", "a method such as GET or POST")
    try:
        path = parse_target(method.upper().encode(), target.encode("utf-8")).path
    except BadTarget as error:
        raise Invalid("path", f"a path such as /api/items ({error})") from error
    routes = RouteTable((feature.name, feature.match) for feature in config.features)
    route = routes.match(method.upper().encode(), path)
    feature = route.feature if route else None
    patterns = next((one.match for one in config.features if one.name == feature), ())
    state = snapshot.feature(feature or "")
    found = evaluate(state, feature or "", key or "", _context(config, state, sent))
    decision = decide(
        matched=route is not None,
        everything_latched=snapshot.everything_latched,
        feature_latched=state.latched,
        breaker_open=breaker == "open",
        selected=found.selected,
    )
    placed = feature is not None and key is not None
    return Explanation(
        method=method.upper(),
        path=path.decode("utf-8", "backslashreplace"),
        side=str(decision.side),
        cause=str(decision.cause),
        feature=feature,
        route=_pattern(patterns, route.template, method.upper()) if route else None,
        key=key,
        position=percent_number(found.position) if placed else None,
        percent=percent_number(found.percent) if feature is not None else None,
        revision=snapshot.revision,
        breaker=breaker,
        note="; ".join(
            filter(
                None,
                (
                    _spelling(method),
                    _note(feature, key, found.percent),
                    _moves(config, feature, found.percent),
                ),
            )
        ),
    )


def _context(config: Config, state: FeatureState, sent: Sent) -> Context | None:
    """The same context as on the request path, of what is said to have been sent."""
    if state.rule is None or not state.rule.wants:
        return None
    try:
        fields = [(name.encode("latin-1"), value.encode("utf-8")) for name, value in sent.headers]
        facts = read_request_fields([(b"Host", b"explained"), *fields])
    except (BadFields, UnicodeEncodeError) as error:
        raise Invalid("headers", f"fields that the gateway would take ({error})") from error
    places = (Place(one.property, one.source, one.name) for one in config.flags.unleash.properties)
    return ContextReader(places, lambda _: False).read(state.rule.wants, facts, sent.address)


def _pattern(patterns: Iterable[str], template: str, method: str) -> str:
    """The route as it is configured, with its method where it has one; of two that share a path, the one
    that this method means.
    """
    same = [pattern for pattern in patterns if pattern.rpartition(" ")[2] == template]
    wanted = [f"{one} {template}" for one in (method, "GET" if method == "HEAD" else method)]
    return next((pattern for pattern in wanted if pattern in same), template)


def _spelling(method: str) -> str:
    if method == method.upper():
        return ""
    return f"explained as {method.upper()}: methods are case-sensitive, and {method!r} would be another one"


def _moves(config: Config, feature: str | None, percent: int) -> str:
    moving = {one.name for one in config.features if one.move == "new-sessions"}
    if feature not in moving or not percent:
        return ""
    return "this is for a session that begins now; one that began under a lower dial goes by that"


def _note(feature: str | None, key: str | None, percent: int) -> str:
    if feature is None:
        return "no feature claims this request: legacy answers"
    if key is None and 0 < percent < 10_000:
        return "without a key this is one possible answer: a new user gets a key of their own; add --key"
    return ""
