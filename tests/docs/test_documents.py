"""The documents keep up with the code: commands, causes, metrics, links, and a README one can read."""

import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from gateway.control.catalogue import CATALOGUE
from gateway.core.decision import Cause
from tests.docs.repository import ROOT, read

DOCUMENTS = [
    "README.md",
    "CONTEXT.md",
    "CHANGELOG.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]


@pytest.fixture
def main() -> click.Command:
    """The command line; imported here so that a mistake in it fails two tests and not the whole file."""
    found = import_module("gateway.cli.program").program
    assert isinstance(found, click.Command)
    return found


def below(command: click.Command) -> dict[str, click.Command]:
    """The commands of a group, asked for as click does: groups that load them late count too."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: sub for name, sub in found.items() if sub is not None}


def commands(command: click.Command, name: str) -> set[str]:
    """The full names of a command and everything below it that does something."""
    inner = below(command)
    return set().union(*(commands(sub, f"{name} {key}") for key, sub in inner.items())) if inner else {name}


def options(command: click.Command) -> set[str]:
    """Every long option of a command and of everything below it."""
    own = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    return (own - {"--help", "--version"}).union(*(options(sub) for sub in below(command).values()))


def test_the_readme_can_be_read_in_one_sitting() -> None:
    """At most 150 lines."""
    assert len(read("README.md").splitlines()) <= 150


def test_every_command_is_documented_and_every_documented_command_exists(main: click.Command) -> None:
    """docs/commands.md has one heading per command."""
    documented = set(re.findall(r"^#+ `(banyan [a-z -]+?)(?: [A-Z\[].*)?`$", read("docs/commands.md"), re.M))
    assert documented == commands(main, "banyan")


def test_every_option_is_documented(main: click.Command) -> None:
    """Each option's name stands somewhere on the commands' page."""
    missing = {option for option in options(main) if option not in read("docs/commands.md")}
    assert missing == set()


def test_every_cause_is_documented() -> None:
    """One word for the log, the metrics, `banyan explain` and the page; in order of precedence."""
    page = read("docs/operations.md")
    section = page.partition("## Why did this user get that side?")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.M) == [cause.value for cause in Cause]


def test_every_metric_is_documented_with_its_labels() -> None:
    """docs/metrics.md and the gateway's catalogue name the same metrics with the same labels."""
    rows = re.findall(r"^\| `(banyan_[a-z_]+)(?:\{([a-z,]*)\})?` \|", read("docs/metrics.md"), re.M)
    documented = {name: tuple(labels.split(",")) if labels else () for name, labels in rows}
    assert documented == {name: metric.labels for name, metric in CATALOGUE.items()}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_every_named_file_leads_somewhere(document: str) -> None:
    """Relative links, and paths written as code that begin with one of our folders."""
    text, folder = read(document), (ROOT / document).parent
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (folder / link).exists()]
    missing += [name for name in named_files(text) if not (ROOT / name).exists()]
    assert missing == []


def named_files(text: str) -> list[str]:
    """Files of ours that a text names in code marks, such as `gateway/proxy.py`."""
    tops = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"var"}
    found = re.findall(r"`([a-z_]+/[A-Za-z0-9_./-]+?)`", text)
    return [name for name in found if Path(name).parts[0] in tops]
