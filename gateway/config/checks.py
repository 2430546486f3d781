"""What must hold between keys. It must not know TOML: it sees values that were each fine on their own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from gateway.config.patterns import same_pattern
from gateway.config.problems import Problem, shown

__all__ = ["check_together"]

Tree = dict[str, Any]
_MOVING = 64  # what a cookie has room for


def check_together(tree: Tree) -> Iterator[Problem]:
    """The problems between values of a tree as `read_document` gives it; keys that had a problem of their
    own are absent."""
    yield from _loops(tree)
    yield from _tls(tree)
    yield from _flags(tree["flags"])
    yield from _alerts(tree["alerts"])
    yield from _shadow(tree["shadow"], tree["state"])
    yield from _names(tree["feature"])
    yield from _patterns(tree["feature"])
    yield from _journeys(tree["feature"])
    yield from _moves(tree)


def _any_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _here(host: str) -> bool:
    """Whether the name certainly means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback or _any_host(host)
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _same_place(one: Tree, other: Tree) -> bool:
    if not one["port"] or one["port"] != other["port"]:
        return False
    if one["host"].lower() == other["host"].lower():
        return True
    named = "localhost" in (one["host"].lower(), other["host"].lower())
    wide = _any_host(one["host"]) or _any_host(other["host"])
    return (named or wide) and _here(one["host"]) and _here(other["host"])


def _loops(tree: Tree) -> Iterator[Problem]:
    doors = {name: tree["listen"].get(name) for name in ("traffic", "admin")}
    for side in ("legacy", "new"):
        upstream = tree["upstreams"][side].get("url")
        for name, door in doors.items():
            if upstream and door and _same_place(upstream, door):
                expected = f"expected another address than listen.{name}: the gateway would ask itself"
                yield Problem(f"upstreams.{side}.url", shown(upstream["url"]), expected)
    if doors["traffic"] and doors["admin"] and _same_place(doors["traffic"], doors["admin"]):
        value = shown(f"{doors['admin']['host']}:{doors['admin']['port']}")
        yield Problem("listen.admin", value, "expected another address than listen.traffic")


def _tls(tree: Tree) -> Iterator[Problem]:
    listen = tree["listen"]
    if listen.get("tls_key") and not listen.get("tls_certificate", True):
        yield Problem("listen.tls_key", shown(listen["tls_key"]), "expected listen.tls_certificate beside it")
    for side in ("legacy", "new"):
        upstream = tree["upstreams"][side]
        if upstream.get("url", {"url": "https:"})["url"].startswith("https:"):
            continue
        for key, unset in (("ca_file", ""), ("server_name", ""), ("verify", True)):
            if upstream.get(key, unset) != unset:
                path = f"upstreams.{side}.{key}"
                yield Problem(
                    path, shown(upstream[key]), f"expected upstreams.{side}.url to begin with https:"
                )


def _flags(flags: Tree) -> Iterator[Problem]:
    if flags.get("source") != "unleash":
        return
    unleash = flags["unleash"]
    if unleash.get("url") == "":
        yield Problem("flags.unleash.url", '""', 'expected the address of the server, as source is "unleash"')
    if unleash.get("token_env") == "" and unleash.get("token_file") == "":
        expected = "expected this or flags.unleash.token_file to say where the backend token is"
        yield Problem("flags.unleash.token_env", '""', expected)


def _alerts(alerts: Tree) -> Iterator[Problem]:
    server = alerts.get("smtp_server")
    if not server or not server["host"]:
        return
    for key, unset in (("smtp_from", ""), ("smtp_to", [])):
        if alerts.get(key) == unset:
            expected = "expected whom the mails come from and go to, as there is alerts.smtp_server"
            yield Problem(f"alerts.{key}", shown(unset), expected)


def _shadow(shadow: Tree, state: Tree) -> Iterator[Problem]:
    if state.get("redis_url", "-"):
        return
    if shadow.get("store") == "redis":
        yield Problem("shadow.store", '"redis"', 'expected state.redis_url beside it, or "sqlite"')
    if shadow.get("processes") == 0:
        yield Problem("shadow.processes", "0", "expected at least 1, or state.redis_url beside it")


def _names(features: list[Tree]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, feature in enumerate(features):
        name = feature.get("name")
        if name is not None and first.setdefault(name, number) != number:
            yield Problem(
                f"feature[{number}].name",
                shown(name),
                f"expected a name of its own: feature[{first[name]}] has it",
            )


def _moves(tree: Tree) -> Iterator[Problem]:
    """Who says the dials must not go by more than a percentage, and a cookie has room for so many."""
    moving = [number for number, one in enumerate(tree["feature"]) if one.get("move") == "new-sessions"]
    for place, number in enumerate(moving):
        at = f"feature[{number}].move"
        if tree["flags"].get("source") == "unleash":
            yield Problem(at, '"new-sessions"', 'expected "at-once", as flags.source is "unleash"')
        elif place >= _MOVING:
            expected = f'expected "at-once": at most {_MOVING} features can move with new sessions'
            yield Problem(at, '"new-sessions"', expected)


def _journeys(features: list[Tree]) -> Iterator[Problem]:
    """Who climbs together has the same steps, and a journey is not called like a feature."""
    names = {feature.get("name") for feature in features}
    first: dict[str, tuple[int, Tree]] = {}
    for number, feature in enumerate(features):
        plan = feature["plan"]
        journey = plan.get("journey")
        if not journey:
            continue
        at = f"feature[{number}].plan"
        if journey in names:
            yield Problem(f"{at}.journey", shown(journey), "expected a name that no feature has")
        if not plan.get("steps", True):
            yield Problem(f"{at}.steps", shown(plan["steps"]), "expected steps, as there is a journey")
        owner, whole = first.setdefault(journey, (number, plan))
        if any(plan.get(name) != whole.get(name) for name in ("steps", "hold", "samples")):
            expected = f"expected what feature[{owner}].plan has, which is in the same journey"
            yield Problem(f"{at}.steps", shown(plan.get("steps")), expected)


def _patterns(features: list[Tree]) -> Iterator[Problem]:
    first: dict[str, tuple[int, str]] = {}
    for number, feature in enumerate(features):
        name = feature.get("name", f"feature[{number}]")
        for pattern in feature.get("match", ()):
            owner, owner_name = first.setdefault(same_pattern(pattern), (number, name))
            if owner != number:
                expected = f"expected a pattern of one feature only: {owner_name!r} and {name!r} both have it"
                yield Problem(f"feature[{number}].match", shown(pattern), expected)
