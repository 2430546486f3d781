"""`banyan diffs noise | rule | lint | replay | explain`: what should be accepted, is, and would be."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.client import AdminClient
from gateway.cli.diffs_rulefile import add_rule
from gateway.cli.failures import NO, CommandError
from gateway.cli.options import pass_settings, shared
from gateway.cli.output import print_json, say, table
from gateway.cli.settings import Settings
from shadow import (
    DEFAULT_RULES,
    ComparedExchange,
    NoiseEvidence,
    RuleHit,
    Rules,
    RulesError,
    as_rule,
    compare,
    lint_rules,
    load_rules,
    rule_text,
    signature_ids,
)

__all__ = ["RULE_COMMANDS", "fetch_samples"]

_RULES = click.option("--rules", type=click.Path(path_type=Path), help="Default: the configured rules file.")


def fetch_samples(settings: Settings, of: str | None, limit: int = 200) -> list[ComparedExchange]:
    """Samples as they were stored."""
    found = AdminClient(settings).ask("/diffs/samples", of=of, limit=limit)
    return msgspec.convert(found, list[ComparedExchange])


@click.command("noise")
@click.argument("feature", required=False)
@click.option("--all", "everything", is_flag=True, help="Also what is not noise, or not known to be yet.")
@shared
@pass_settings
def _noise(settings: Settings, feature: str | None, everything: bool) -> None:
    """Where legacy differs from itself, with the evidence; `diffs rule ID` makes it a rule."""
    found = AdminClient(settings).ask("/diffs/noise", feature=feature)
    wanted = [one for one in found if everything or one["is_noise"]]
    if settings.as_json:
        print_json(wanted)
        return
    rows = [
        (
            one["id"],
            one["path"],
            one["kind"],
            one["route"],
            f"{one['control']} of {one['runs']} ({_share(one['control_bounds'])})",
            f"{one['candidate']} ({_share(one['candidate_bounds'])})",
            one["op"] if one["is_noise"] else "none",
        )
        for one in wanted
    ]
    columns = ("id", "path", "kind", "route", "legacy itself", "new", "proposal")
    table(columns, rows, nothing="Nothing is known to be noise.")


def _share(bounds: list[float]) -> str:
    return f"{bounds[0] * 100:.0f}-{bounds[1] * 100:.0f} %"


@click.command("rule")
@click.argument("id_", metavar="ID")
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--expires", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Its last day.")
@click.option("--op", help="Another operation than the proposed one.")
@click.option("--why", default="", help="What a person should know about it.")
@click.option("--add", is_flag=True, help="Write it into the rules file; else it is printed.")
@_RULES
@shared
@pass_settings
def _rule(
    settings: Settings,
    id_: str,
    owner: str,
    expires: datetime,
    op: str | None,
    why: str,
    add: bool,
    rules: Path | None,
) -> None:
    """A rule from noise or from a signature; ID is the one that `diffs noise` or `diffs` shows."""
    text = _proposal(AdminClient(settings), id_, owner, expires.date(), op, why)
    if not add:
        click.echo(text, nl=False)
        return
    path = rules or Path(settings.config().shadow.rules)
    rule = add_rule(path, text)
    if settings.as_json:
        print_json({"rule": rule, "file": str(path)})
    else:
        say(f"Rule {rule} is in {path}; it holds within a second or two.")


def _proposal(client: AdminClient, id_: str, owner: str, expires: date, op: str | None, why: str) -> str:
    for one in client.ask("/diffs/noise"):
        if one["id"] == id_:
            evidence = msgspec.convert(
                {name: one[name] for name in NoiseEvidence.__struct_fields__}, NoiseEvidence
            )
            return as_rule(evidence, owner, expires, op=op, why=why)
    for one in client.ask("/diffs", limit=10_000):
        if one["id"] == id_:
            return rule_text(
                name=f"accepted-{id_}",
                owner=owner,
                expires=expires,
                op=op or "ignore",
                path=one["path"],
                kinds=[one["kind"]],
                feature=one["feature"],
                route=one["route"],
                reason=why or f"{one['severity']} difference seen {one['count']} times",
            )
    raise CommandError(f"neither noise nor a signature has the id {id_!r}.", NO)


@click.command("lint")
@_RULES
@shared
@pass_settings
@click.pass_context
def _lint(context: click.Context, settings: Settings, rules: Path | None) -> None:
    """Rules that are dead, too broad, expired, or about to expire."""
    path, loaded = _load(settings, rules)
    use = AdminClient(settings).ask("/diffs/rules")
    hits = msgspec.convert(use["hits"], list[RuleHit])
    problems = lint_rules(loaded, hits, use["compared"], _today())
    if settings.as_json:
        print_json([problem._asdict() for problem in problems])
    else:
        rows = [(one.rule, one.what, one.text) for one in problems]
        table(("rule", "what", "why"), rows, nothing=f"Every rule of {path} earns its place.")
    if any(one.what != "expires-soon" for one in problems):
        context.exit(NO)


@click.command("replay")
@click.option("--rules", type=click.Path(path_type=Path), required=True, help="The rules to try.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1, 10_000))
@shared
@pass_settings
def _replay(settings: Settings, rules: Path, limit: int) -> None:
    """What the stored samples would give under other rules; changes nothing."""
    _, loaded = _load(settings, rules)
    changes: Counter[tuple[str, str, str, str]] = Counter()
    differing: Counter[str] = Counter()
    for sample in fetch_samples(settings, None, limit):
        found = compare(
            sample.request,
            sample.control,
            sample.candidate,
            loaded,
            feature=sample.feature,
            route=sample.route,
            today=_today(),
        )
        excused = ", ".join(sorted({each.excused_by for each in found.differences if each.excused_by}))
        changes[sample.route, sample.comparison.verdict.value, found.verdict.value, excused] += 1
        again = msgspec.structs.replace(sample, comparison=found)
        differing.update(signature_ids(again))
    rows = [(*key, times) for key, times in sorted(changes.items())]
    if settings.as_json:
        names = ("route", "before", "after", "rules", "samples")
        print_json(
            {"changes": [dict(zip(names, row, strict=True)) for row in rows], "signatures": dict(differing)}
        )
        return
    table(("route", "before", "after", "excused by", "samples"), rows, nothing="There is no sample.")


@click.command("explain")
@click.argument("rule")
@shared
@pass_settings
def _explain(settings: Settings, rule: str) -> None:
    """What a rule excuses: where, how often, and one example of each place."""
    use = AdminClient(settings).ask("/diffs/rules")
    hits = [one for one in use["hits"] if one["rule"] == rule]
    samples = fetch_samples(settings, f"rule:{rule}", 5)
    rows = [
        (one["path"], one["kind"], one["feature"], one["count"], *_example(samples, rule, one))
        for one in hits
    ]
    if settings.as_json:
        names = ("path", "kind", "feature", "count", "legacy", "new")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    columns = ("path", "kind", "feature", "times", "legacy", "new")
    table(columns, rows, nothing=f"The rule {rule!r} has excused nothing so far.")


def _example(samples: list[ComparedExchange], rule: str, hit: dict[str, Any]) -> tuple[Any, Any]:
    for sample in samples:
        for each in sample.comparison.differences:
            if (each.excused_by, each.path, each.kind) == (rule, hit["path"], hit["kind"]):
                return each.control, each.candidate
    return None, None


def _load(settings: Settings, named: Path | None) -> tuple[Path, Rules]:
    path = named or Path(settings.config().shadow.rules)
    if named is None and not path.exists():
        return path, DEFAULT_RULES
    try:
        return path, load_rules(path)
    except RulesError as error:
        raise CommandError(str(error)) from error


def _today() -> date:
    return datetime.now(UTC).date()


RULE_COMMANDS = (_noise, _rule, _lint, _replay, _explain)
