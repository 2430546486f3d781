"""What an importer is asked for and what it gives; it must not know any format."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from golden.flow import Flow
from golden.scrub import Scrubber
from golden.step import Step
from golden.telling import with_names, without_secrets


@dataclass(frozen=True, slots=True)
class Wish:
    """`name`: what flows are called after; `host`: whose requests (default: the one met most);
    `limit`: most steps of one flow.
    """

    name: str
    scrubber: Scrubber
    host: str = ""
    limit: int = 200


@dataclass(frozen=True, slots=True)
class Imported:
    """The flows, and a sentence for each thing that a person should know."""

    flows: tuple[Flow, ...]
    warnings: tuple[str, ...] = ()


@dataclass
class Draft:
    """A flow being put together from steps without names."""

    name: str
    steps: list[Step] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def flow(self, scrubber: Scrubber, names: Sequence[str] = ()) -> Flow:
        """The flow: numbered, named (after `names` where given), and without secrets."""
        numbered = [replace(step, number=number) for number, step in enumerate(self.steps, 1)]
        clean, variables, _ = without_secrets(numbered, scrubber)
        named = with_names(clean)
        if names:
            named = [replace(s, name=n) for s, n in zip(named, unique(names), strict=True)]
        secrets: Mapping[str, str] = {**self.secrets, **variables}
        return Flow(self.name, f"{self.name}.toml", tuple(named), secrets)


def slug(text: str, otherwise: str = "flow") -> str:
    """A name that can be part of a file's name."""
    return re.sub(r"[^\w.]+", "-", text).strip("-._")[:60] or otherwise


def unique(names: Sequence[str]) -> list[str]:
    """The names, a second one of a kind numbered."""
    used: dict[str, int] = {}
    found = []
    for name in (slug(name, "step") for name in names):
        used[name] = used.get(name, 0) + 1
        found.append(name if used[name] == 1 else f"{name}-{used[name]}")
    return found
