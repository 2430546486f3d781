"""The workflow files call the command line as it is."""

import re
import shlex

import click
import pytest

from gateway.cli.program import program
from tests.support.spawn import ROOT


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_every_command_and_option_exists(name: str) -> None:
    text = (ROOT / "deploy" / "ci" / name).read_text()
    joined = re.sub(
        r"run: >\n((?: {10}.*\n)+)", lambda found: "run: " + " ".join(found[1].split()) + "\n", text
    )
    calls = [shlex.split(call) for call in re.findall(r"banyan (golden .*)", joined)]
    assert [call[1] for call in calls] == ["lint", "verify"]
    for group, name_, *rest in calls:
        command = program.get_command(click.Context(program), group)
        assert isinstance(command, click.Group)
        inner = command.get_command(click.Context(command), name_)
        assert inner is not None
        known = {option for parameter in inner.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("-")} <= known
    assert "\t" not in text
