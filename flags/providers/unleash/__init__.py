"""Unleash as the source of the dials: its percentages, constraints and segments, decided as its SDKs do.

The map, in the order data takes:

    fetching   UnleashClient            one conditional GET for each machine: new, unchanged or failed
    payload    Payload, read_payload    what came, checked; `rules_of`: the part that our features need
    judging    refusal                  a table: what is not believed although it is well-formed
    last_good  Kept, kept_in            what was believed last, as JSON on the disk
    opening    open_unleash             all of these put together, for the one process that asks
    source     UnleashSource            keeps the last good one, its age and what is wrong
    plan       Plan, plan_of            which features are a percentage alone, and what else the others go by
    engine     Engine                   the border to Unleash's own evaluation core
    rules      UnleashRules             in every worker: compiled once, answers remembered
    admin      UnleashAdmin             writes a percentage back, in the order that never exposes everybody

Only `rules` and what it stands on is imported with this package: workers need no HTTP client.
It must not know processes, the ledger or the page's file.
"""

from flags.providers.unleash.rules import UnleashRules

__all__ = ["UnleashRules"]
