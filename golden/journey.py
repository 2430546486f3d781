"""Plays the recordings of one journey in order and compares each answer; it must not know other journeys.

The values and cookies that the answers hand on are carried to the next step as they were when it was
recorded. A step that cannot be compared says why; when the side gave no answer at all, what follows would
start from another state, so it is not played.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from golden.comparing import compare_seen, see
from golden.errors import StepError
from golden.known import known_values
from golden.player import DEADLINE, MAX_BODY, Connections, Played, Player, checked_url, secrets_from
from golden.recording import Recording
from golden.report import PASSED, Case, Cause
from golden.scrub import Scrubber, scrubber_for
from shadow import DEFAULT_RULES, Comparison, RequestSnapshot, Rules, Verdict, written_out

Place = Callable[[RequestSnapshot], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms recordings are compared: where, by which rules, as of which day, within what bounds.

    `deadline` in seconds for each whole answer, `max_body` in bytes; `env` is where secrets come from;
    `place` says which feature and route a request belongs to, for rules of narrower scope (default: no
    feature, method and path).
    """

    url: str
    today: date
    rules: Rules = DEFAULT_RULES
    key: bytes | None = None
    env: Mapping[str, str] | None = None
    deadline: float = DEADLINE
    max_body: int = MAX_BODY
    place: Place | None = None

    def scrubber(self) -> Scrubber:
        """The scrubber that goes with the rules and the key."""
        return scrubber_for(self.rules, self.key)


class Journey:
    """One journey on one side; `verify` its recordings in order, then `close` it."""

    def __init__(
        self, recordings: Sequence[Recording], terms: Terms, connections: Connections | None = None
    ) -> None:
        checked_url(terms.url)
        self._connections = connections
        self._recordings = recordings
        self._terms = terms
        self._scrubber = terms.scrubber()
        self._secrets = {name: variable for item in recordings for name, variable in item.secrets.items()}
        self._keys = {item.name: item.key for recording in recordings for item in recording.step.extract}
        numbers = Counter(item.step.number for item in recordings)
        self._twice = {number for number, count in numbers.items() if count > 1}
        self._player: Player | None = None
        self._broken = ""
        self._number = 0

    async def verify(self, recording: Recording) -> Case:
        """Play one recording and compare; never raises for what a side or a file does."""
        if not self._broken:
            self._broken = self._out_of_order(recording.step.number)
        self._number = recording.step.number
        if self._broken:
            return _undetermined(recording, f"not played: {self._broken}")
        try:
            player = self._ready()
            played = await player.play(recording.step)
        except StepError as error:
            # Without this answer the side's state is unknown, and so is what the next answers should be.
            self._broken = f"step {recording.step.name!r} was not answered"
            return _undetermined(recording, str(error))
        handed = ""
        try:
            player.hand_on(recording.step, played)
        except StepError as error:
            self._broken = f"step {recording.step.name!r} did not hand on what later steps need"
            handed = str(error)
        return self._case(recording, played, handed)

    async def close(self) -> None:
        """Give the connections back."""
        if self._player:
            await self._player.close()

    def _out_of_order(self, number: int) -> str:
        if number in self._twice:
            return f"there are two recordings of step {number}, and which of them is right is not known"
        if number != self._number + 1:
            return f"step {self._number + 1} has no recording, so this would start from another state"
        return ""

    def _ready(self) -> Player:
        if self._player is None:
            secrets = secrets_from(self._secrets, self._terms.env)
            terms = self._terms
            self._player = Player(
                terms.url,
                secrets=secrets,
                deadline=terms.deadline,
                max_body=terms.max_body,
                connections=self._connections,
            )
        return self._player

    def _case(self, recording: Recording, played: Played, handed: str) -> Case:
        player = self._ready()
        known = known_values(
            player.values, secrets=self._secrets, keys=self._keys, cookies=played.cookies.values()
        )
        feature, route = (self._terms.place or default_place)(played.request)
        seen = see(recording, played.request, played.answer, self._scrubber, known, player.base_url)
        comparison = compare_seen(
            recording,
            played.request,
            seen,
            self._terms.rules,
            self._terms.today,
            self._scrubber,
            feature=feature,
            route=route,
        )
        if handed and comparison.verdict is not Verdict.MISMATCH:
            return _undetermined(recording, handed, played.answer.elapsed)
        return replace(_case(recording, comparison, played.answer.elapsed, handed), seen=seen)

    def against(self, recording: Recording, case: Case, control: Case) -> Case:
        """The case of this side beside that of the control: whose doing it is."""
        one, other = case.seen, control.seen
        if control.comparison.verdict not in (*PASSED, Verdict.MISMATCH) or one is None or other is None:
            failed = case.comparison.verdict is Verdict.MISMATCH
            return replace(case, cause=Cause.OPEN if failed else Cause.NONE)
        alike = False
        if case.comparison.verdict is control.comparison.verdict is Verdict.MISMATCH:
            terms = self._terms
            feature, route = (terms.place or default_place)(recording.request)
            now = compare_seen(
                recording,
                recording.request,
                one,
                terms.rules,
                terms.today,
                self._scrubber,
                feature=feature,
                route=route,
                control=other.observation,
            )
            alike = now.verdict in PASSED
        return replace(case, cause=_CAUSES[case.passed, control.passed, alike])

    @property
    def values(self) -> Mapping[str, str]:
        """The values handed on so far, by name."""
        return self._player.values if self._player else {}

    @property
    def secrets(self) -> Mapping[str, str]:
        """The names that come from the environment, with their variables."""
        return self._secrets


# (new as recorded, control as recorded, both alike now) → whose doing it is
_CAUSES = {
    (True, True, False): Cause.NONE,
    (False, True, False): Cause.NEW,
    (True, False, False): Cause.MOVED,
    (False, False, True): Cause.STALE,
    (False, False, False): Cause.BOTH,
}


def default_place(request: RequestSnapshot) -> tuple[str, str]:
    """No feature; method and path as the route."""
    return "", f"{request.method} {written_out(request.target).partition('?')[0]}"


def _case(recording: Recording, comparison: Comparison, elapsed: float, problem: str) -> Case:
    step = recording.step
    return Case(
        recording.id, recording.flow, step.name, step.number, recording.file, comparison, elapsed, problem
    )


def _undetermined(recording: Recording, why: str, elapsed: float = 0.0) -> Case:
    return _case(recording, Comparison(verdict=Verdict.UNDETERMINED, reason=why), elapsed, why)
