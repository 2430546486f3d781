"""The table of rules: what the wire must keep, where that is written, and the module that holds its tests.

``docs/wire.md`` is made from it and from the tests' own docstrings.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from tests.compliance.differences import DIFFERENCES
from tests.compliance.record import Outcome, Record, load
from tests.compliance.stricter import STRICTER

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "wire.md"


class Rule(NamedTuple):
    """``name`` is the number of a correctness rule, or a word; ``sections`` where it is written."""

    name: str
    rule: str
    sections: str
    modules: tuple[str, ...]


RULES = (
    Rule(
        "1",
        "Fields of one connection, and those that `Connection` names, end here before ours are added.",
        "9110 §7.6.1",
        ("test_rule_01_hop_by_hop",),
    ),
    Rule(
        "2",
        "Unknown fields pass; order, repetition and spelling stay.",
        "9110 §5.1, §5.3",
        ("test_rule_02_unknown_fields",),
    ),
    Rule(
        "3",
        "Path and query go out byte for byte, and those same bytes are routed.",
        "9110 §7.7; 9112 §3.2",
        ("test_rule_03_target",),
    ),
    Rule(
        "4",
        "One Host that is a host, and one that is served (421); an absolute target overrides it; `CONNECT` "
        "and `TRACE` are refused; `OPTIONS *` is answered.",
        "9110 §7.2, §9.3; 9112 §3.2",
        ("test_rule_04_host", "test_rule_04_hosts_served"),
    ),
    Rule(
        "5",
        "`Via` on both legs; a request that comes back is refused with 508; Max-Forwards.",
        "9110 §7.6.2, §7.6.3",
        ("test_rule_05_loops",),
    ),
    Rule(
        "6",
        "A request whose end can be doubted is refused; what goes upstream is framed afresh.",
        "9112 §6, §11.2",
        ("test_rule_06_framing_in", "test_smuggling", "test_corpora", "test_fuzz"),
    ),
    Rule(
        "7",
        "An upstream that breaks the rules becomes 502 and is closed; nothing of it is injected.",
        "9112 §5.2, §6.3",
        ("test_rule_07_framing_back",),
    ),
    Rule(
        "8",
        "An answer that ends early ends early for the client, is counted, and is never captured.",
        "9112 §8",
        ("test_rule_08_truncation",),
    ),
    Rule("9", "No body where none may be; HEAD keeps its length.", "9110 §6.4", ("test_rule_09_no_body",)),
    Rule(
        "10",
        "Informational answers pass, but for 100; 101 only after an Upgrade that was asked for.",
        "9110 §15.2",
        ("test_rule_10_interim",),
    ),
    Rule(
        "11",
        "One 100 to a client that waits for it, none with a refusal; an early answer needs no upload.",
        "9110 §10.1.1",
        ("test_rule_11_expect",),
    ),
    Rule(
        "12",
        "Trailers are dropped as a whole, both ways; framing or routing in one is refused.",
        "9110 §6.5",
        ("test_rule_12_trailers",),
    ),
    Rule(
        "13",
        "What may have reached an upstream is repeated once at most, only where that is safe, never after "
        "a byte of the answer; repeats stay below a fifth of what is active.",
        "9110 §9.2.2",
        ("test_rule_13_retries",),
    ),
    Rule(
        "14",
        "WebSocket bytes pass untouched on the side of the handshake; a rollback closes with 1012; "
        "h2c is not forwarded.",
        "9110 §7.8; 6455 §5, §7.4",
        ("test_rule_14_upgrade", "test_rule_14_frames", "test_rule_14_libraries"),
    ),
    Rule(
        "15",
        "Who leaves is missed at once and leaves nothing behind.",
        "9110 §9.2; 9112 §9",
        ("test_rule_15_leaving",),
    ),
    Rule(
        "16",
        "A slow peer costs bounded memory; the copy for the comparison is bounded.",
        "9112 §9.3",
        ("test_rule_16_back_pressure",),
    ),
    Rule(
        "17",
        "Streams pass as they come, without a limit on the whole; encoded bodies pass as they are.",
        "9110 §7.7",
        ("test_rule_17_streams",),
    ),
    Rule(
        "18",
        "The gateway's own answers are problem details with `Proxy-Status`, counted apart.",
        "9457; 9209",
        ("test_rule_18_gateway_answers",),
    ),
    Rule(
        "19",
        "One Date, the upstream's own Server, no cookie jar, and two users never meet.",
        "9110 §6.6.1, §10.2.4",
        ("test_rule_19_date_server_cookies",),
    ),
    Rule(
        "20",
        "An answer whose side depends on a cookie is not shared between sides.",
        "9111 §4.1, §5.2.2",
        ("test_rule_20_caches",),
    ),
    Rule(
        "21",
        "An idle upstream connection is not used beyond that upstream's own limit.",
        "9112 §9.3",
        ("test_rule_21_keep_alive",),
    ),
    Rule(
        "22",
        "`Location` and `Content-Location` with an upstream's own address get the public one.",
        "9110 §10.2.2",
        ("test_rule_22_location",),
    ),
    Rule("Limits", "Every size has a bound and a status.", "9110 §15.5; 6585", ("test_limits",)),
    Rule(
        "Deadlines",
        "Every wait has an end, and the right one is blamed for it.",
        "9110 §15.5, §15.6",
        ("test_deadlines",),
    ),
    Rule(
        "Trust",
        "Nobody's word about the client is believed but a trusted proxy's; no request leads anywhere else.",
        "7239; 9110 §17.1",
        ("test_trust",),
    ),
)

_HEAD = """# The rules of the wire

What this gateway keeps between a client and an application, the RFC section that asks for it, and the tests
that hold it to that: raw sockets on both ends of a real worker process, exact bytes. Made from
`tests/compliance/rules.py` by `python -m tests.compliance > docs/wire.md`; a test fails when it is out of
date.

The last two columns are cases that passed, as they were recorded: by this gateway
(`python -m tests.compliance --record`), and by {envoy} in its place, as an oracle (`--oracle`; where there
is no Envoy, the recorded outcome stays). A test that asks for what only this gateway has was not asked of
Envoy; what Envoy does otherwise is explained below.

| rule | keeps | RFC | tests | result | {envoy} |
|---|---|---|---|---|---|
"""


_FOOT = """
RFC 6455 is WebSocket, 6585 further status codes, 7239 Forwarded, 9110 semantics, 9111 caching, 9112 HTTP/1.1,
9209 Proxy-Status, 9457 problem details.

## Where {envoy} differs

Neither is wrong wherever they differ: RFCs leave room, and some of this is made for two sides of one
application. The tests of each line with the cases of them that Envoy passed.

"""
_STRICTER_HEAD = """
## What gunicorn serves and this gateway refuses

Of the fifty requests that gunicorn's own tests call valid, these are refused, each by a rule. All others are
served byte for byte.

| file | rule | status | why | {envoy} |
|---|---|---|---|---|
"""
_LIMITS = """
## What it does not do

- A client that closes its sending half has left (rule 15): its request is cancelled. One that wants an answer
  keeps its half open until the answer is there; RFC 9112 §9.6 lets it close earlier.
- To a client of HTTP/1.0 an answer without a length ends with the connection, and a cut one with a reset
  (rule 8). A Unix socket knows no reset: there such an answer looks whole although it was cut. A proxy in
  front that comes this way should speak HTTP/1.1 (nginx: `proxy_http_version 1.1`), which has chunks.
- A client that leaves in good order while its own machine still holds bytes that the application made no room
  for cannot be seen to have left: its end stands behind those bytes. Its upload, or its tunnel, ends with
  `idle_timeout` of the upstream. A reset, or an end behind what has arrived, is seen within a second.
- An application that is spoken to over TLS, answers before it has read the whole request and closes (rule 11)
  is heard after each write. One that closes in the very moment in which its buffer, full until then, takes
  more may still be taken for one that did not answer (502): what it said last is sealed.
"""
_SHOWN = """
## What each test shows
"""


class Case(NamedTuple):
    """One test function: its name and what its docstring promises first."""

    name: str
    promise: str


def cases(module: str) -> list[Case]:
    """The tests of a module, in order."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    tests = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
    return [Case(test.name, " ".join((ast.get_docstring(test) or "").split())) for test in tests]


def page() -> str:
    """The whole of ``docs/wire.md``."""
    ours, envoy = load("gateway"), load("envoy")
    lines = [_HEAD.format(envoy=envoy.peer)]
    for rule in RULES:
        tests = "<br>".join(
            f"[`{module}`](../tests/compliance/{module}.py) ({len(cases(module))})" for module in rule.modules
        )
        results = f"{ours.of(rule.modules)} | {envoy.of(rule.modules)}"
        lines.append(f"| {rule.name} | {rule.rule} | {rule.sections} | {tests} | {results} |\n")
    lines += [
        _FOOT.format(envoy=envoy.peer),
        *_differences(envoy),
        _STRICTER_HEAD.format(envoy=envoy.peer),
        *_stricter(),
        _LIMITS,
        _SHOWN,
    ]
    for rule in RULES:
        title = f"Rule {rule.name}" if rule.name.isdigit() else rule.name
        lines.append(f"\n### {title}\n\n")
        for module in rule.modules:
            lines += [f"- `{case.name.removeprefix('test_')}`: {case.promise}\n" for case in cases(module)]
    return "".join(lines)


def _differences(envoy: Record) -> list[str]:
    lines = []
    for each in DIFFERENCES:
        tests = ", ".join(f"`{test.partition('::')[2]}` ({_outcome(envoy, test)})" for test in each.tests)
        lines.append(f"- {each.why}\n  {tests}\n")
    return lines


def _outcome(record: Record, test: str) -> Outcome:
    module, _, name = test.partition("::")
    return record.outcomes.get(f"test_{module}", {}).get(f"test_{name}", Outcome(0, 0))


def _stricter() -> list[str]:
    return [
        f"| `{file}` | {rule} | {status} | {why} | {envoy} |\n"
        for file, (rule, status, why, envoy) in STRICTER.items()
    ]
