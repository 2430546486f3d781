"""A stored sample as a golden: one step, told as a recorded session is. What was redacted stays redacted."""

from __future__ import annotations

from pathlib import Path

from gateway.cli.failures import NO, CommandError
from gateway.cli.settings import Settings
from golden import Exchange, Journal, scrubber_for, tell
from shadow import DEFAULT_RULES, ComparedExchange, RulesError, load_rules

__all__ = ["as_journal"]


def as_journal(sample: ComparedExchange, side: str, settings: Settings) -> Journal:
    """The sample with what `side` answered. Raises `CommandError` where nothing can be recorded."""
    answer = sample.control if sample.control.side == side else sample.candidate
    if answer.side != side:
        raise CommandError(f"the sample holds no answer of {side}.", NO)
    path = Path(settings.config().shadow.rules)
    try:
        rules = load_rules(path) if path.exists() else DEFAULT_RULES
    except RulesError as error:
        raise CommandError(str(error)) from error
    exchange = Exchange(sample.request, answer, frozenset())
    journal = tell([exchange], f"diff-{sample.feature}", scrubber_for(rules))
    if journal is None:
        raise CommandError("the sample is not whole enough to be a golden: a body was cut.", NO)
    return journal
