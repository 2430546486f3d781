"""Every recording as a test: `pytest --golden-to=URL [--golden-dir DIR] [--golden-rules FILE]`.

It must not decide what differs. Without further arguments only the recordings run, with arguments both. The
steps of a journey run in their order, in one client; a step chosen alone has those before it played first,
since its answer depends on them.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from golden.errors import GoldenError, RecordingError
from golden.files import disorder
from golden.journey import Journey, Terms
from golden.player import checked_url
from golden.reading import read
from golden.recording import Recording
from golden.report import Case
from shadow import DEFAULT_RULES, RulesError, load_rules

_ENTRY_POINT = "banyan-golden"
_TERMS = pytest.StashKey[Terms]()
_RUNNER = pytest.StashKey[asyncio.Runner]()
_FOLDER = pytest.StashKey[Path]()
_PLAYING = pytest.StashKey[list["JourneyFolder"]]()


class Differs(Exception):
    """A recording that did not verify; `case` says why."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.id)
        self.case = case


def pytest_plugin_registered(plugin_name: str, manager: pytest.PytestPluginManager) -> None:
    """With `-p` beside an installed entry point it would be registered twice: leave the second out."""
    if plugin_name == __name__:
        manager.set_blocked(_ENTRY_POINT)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("golden", "recorded answers as tests")
    group.addoption("--golden-to", metavar="URL", help="verify every recording against the side at URL")
    group.addoption(
        "--golden-dir", metavar="DIR", default="golden/recordings", help="where the recordings are"
    )
    group.addoption("--golden-rules", metavar="FILE", help="the rule file (default: no rules)")


def pytest_configure(config: pytest.Config) -> None:
    """Take the options in; a wrong one ends the run before anything is collected."""
    url = config.getoption("--golden-to")
    if not url:
        return
    folder = (config.invocation_params.dir / config.getoption("--golden-dir")).resolve()
    if not any(folder.rglob("*.json")):
        raise pytest.UsageError(f"--golden-dir {folder} holds no recording, so nothing would be verified")
    try:
        file = config.getoption("--golden-rules")
        rules = load_rules(Path(file)) if file else DEFAULT_RULES
        config.stash[_TERMS] = Terms(checked_url(url), datetime.now(UTC).date(), rules)
    except (GoldenError, RulesError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_FOLDER] = folder
    config.stash[_RUNNER] = asyncio.Runner()
    config.stash[_PLAYING] = []
    given = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    within = any(Path(arg.partition("::")[0]).resolve().is_relative_to(folder) for arg in given)
    config.args = list(given) if within else [*given, str(folder)]


def pytest_report_header(config: pytest.Config) -> str | None:
    """Which rules cannot count: what a feature is stands in the gateway's configuration."""
    terms = config.stash.get(_TERMS, None)
    unknown = [rule.id for rule in terms.rules.rules if rule.feature] if terms else []
    if not unknown:
        return None
    return (
        f"golden: {', '.join(unknown)}: for one feature only, which is not known here, so nothing is excused "
        "by them; `banyan golden verify` with the configuration goes by them"
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the connections back and close the event loop that all journeys ran in."""
    if _RUNNER in config.stash:
        for folder in config.stash[_PLAYING]:
            config.stash[_RUNNER].run(folder.close())
        config.stash[_RUNNER].close()


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A folder with recordings is a journey, wherever below it lies."""
    folder = parent.config.stash.get(_FOLDER, None)
    if folder is not None and path.is_relative_to(folder) and any(path.glob("*.json")):
        return JourneyFolder.from_parent(parent, path=path)
    return None


class JourneyFolder(pytest.Directory):
    """The recordings of one flow, in the order of their steps."""

    def collect(self) -> Iterable[pytest.Collector | pytest.Item]:
        """One node per file, and a test that fails for each thing that is wrong with the whole. Nothing is an
        error of the collection: that would keep every other recording from being verified.
        """
        self._recordings: list[Recording] = []
        self._journey: Journey | None = None
        self._cases: dict[int, Case] = {}
        nodes: list[tuple[int, RecordingFile]] = []
        unreadable: list[RecordingError] = []
        for path in sorted(self.path.glob("*.json")):
            node = RecordingFile.from_parent(self, path=path)
            try:
                node.recording = read(path)
                self._recordings.append(node.recording)
            except RecordingError as error:
                node.problem = str(error)
                unreadable.append(error)
            nodes.append((node.recording.step.number if node.recording else 0, node))
        self._recordings.sort(key=lambda item: item.step.number)
        for wrong in disorder(self._recordings, unreadable):
            yield ProblemItem.from_parent(self, name=wrong.what, problem=str(wrong))
        for folder in sorted(path for path in self.path.iterdir() if path.is_dir()):
            if (below := self.ihook.pytest_collect_directory(path=folder, parent=self)) is not None:
                yield below
        yield from (node for _, node in sorted(nodes, key=lambda pair: pair[0]))

    async def case(self, recording: Recording) -> Case:
        """The case of one recording, after all that come before it."""
        if self._journey is None:
            self._journey = Journey(self._recordings, self.config.stash[_TERMS])
            self.config.stash[_PLAYING].append(self)
        for item in self._recordings:
            if item.step.number not in self._cases:
                self._cases[item.step.number] = await self._journey.verify(item)
            if item is recording:
                break
        return self._cases[recording.step.number]

    async def close(self) -> None:
        """Give the connections back."""
        if self._journey is not None:
            await self._journey.close()


class RecordingFile(pytest.File):
    """One file of a journey."""

    recording: Recording | None = None
    problem: str = ""

    def collect(self) -> Iterable[pytest.Item]:
        """Its one test."""
        if self.recording is None:
            yield ProblemItem.from_parent(self, name="unreadable", problem=self.problem)
        else:
            yield RecordingItem.from_parent(self, name=self.recording.id)


class Unusable(Exception):
    """What cannot be verified; the message says why."""


class ProblemItem(pytest.Item):
    """Fails with what is wrong with a file or a journey."""

    def __init__(self, *, problem: str, **known: Any) -> None:
        super().__init__(**known)
        self._problem = problem

    def runtest(self) -> None:
        """Raises `Unusable`."""
        raise Unusable(self._problem)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The sentence; no stack of ours."""
        return (
            str(excinfo.value) if isinstance(excinfo.value, Unusable) else str(super().repr_failure(excinfo))
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the test is from."""
        return self.path, None, f"golden {self.name}"


class RecordingItem(pytest.Item):
    """Verifies one recording."""

    def runtest(self) -> None:
        """Raises `Differs` unless the answer is as recorded or accepted by a rule."""
        file, folder = self.parent, self.parent.parent if self.parent else None
        assert isinstance(file, RecordingFile) and isinstance(folder, JourneyFolder) and file.recording  # noqa: PT018, S101
        case = self.config.stash[_RUNNER].run(folder.case(file.recording))
        if not case.passed:
            raise Differs(case)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """What differs, in words; no stack of ours."""
        if not isinstance(excinfo.value, Differs):
            return str(super().repr_failure(excinfo))
        case = excinfo.value.case
        where = f"flow {case.flow}, step {case.number} ({case.step}), recorded in {case.file}"
        return "\n".join(
            [f"{case.comparison.verdict}: {where}", *(f"  {failure}" for failure in case.failures)]
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the test is from."""
        return self.path, None, f"golden {self.name}"
