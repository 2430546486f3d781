"""What an importer is asked for and what it gives; it must not know any format."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from golden.flow import METHOD, Flow
from golden.scrub import Scrubber
from golden.step import CLIENTS, Step
from golden.telling import with_names, without_secrets

_LONGEST = 150  # bytes: a number may follow, and a file's name has to hold it


@dataclass(frozen=True, slots=True)
class Wish:
    """`name`: what flows are called after; `host`: whose requests (default: the one met most);
    `limit`: most steps of one flow. `variables` are those of the environment that were given away, by the
    token of their secret: another flow's secret of the same kind gets another.
    """

    name: str
    scrubber: Scrubber
    host: str = ""
    limit: int = 200
    variables: dict[str, str] = field(default_factory=dict)


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

    def flow(self, wish: Wish, names: Sequence[str] = ()) -> Flow:
        """The flow: numbered, named (after `names` where given), and without secrets."""
        numbered = [
            replace(
                step, number=number, headers=tuple(f for f in step.headers if f[0].lower() not in CLIENTS)
            )
            for number, step in enumerate(self.steps, 1)
        ]
        clean, variables, _ = without_secrets(numbered, wish.scrubber, self.secrets, wish.variables)
        named = with_names(clean)
        if names:
            named = [replace(s, name=n) for s, n in zip(named, unique(names), strict=True)]
        secrets: Mapping[str, str] = {**self.secrets, **variables}
        return Flow(self.name, f"{self.name}.toml", tuple(named), secrets)


def unfit(step: Step) -> str:
    """Why no flow can hold this step, in a sentence, or an empty text."""
    if not METHOD.fullmatch(step.method):
        return f"method = {step.method!r}: expected capital letters, such as POST"
    try:
        json.dumps([step.target, step.headers, step.body.value], ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return "it holds what no file can hold: half a character, or a number that is none"
    sent = tuple((name, value) for name, value in step.headers if name.lower() not in CLIENTS)
    return replace(step, headers=sent).unsendable()


def slug(text: str, otherwise: str = "flow") -> str:
    """A name that can be part of a file's name."""
    plain = re.sub(r"[^\w.]+|\.{2,}", "-", text).strip("-._")[:60]
    return plain.encode()[:_LONGEST].decode("utf-8", "ignore").strip("-._") or otherwise


def unique(names: Sequence[str]) -> list[str]:
    """The names, a second one of a kind numbered."""
    used: dict[str, int] = {}
    found = []
    for name in (slug(name, "step") for name in names):
        used[name] = used.get(name, 0) + 1
        found.append(name if used[name] == 1 else f"{name}-{used[name]}")
    return found
