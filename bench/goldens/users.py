"""Users who play flow files, for locust: `FLOWS` names files and folders, `SAMPLES` the file to write into.

A journey begins with a session of its own. A request counts as failed when there is no answer, a status of
500 or above, or nothing of what later steps need. A sample is its seconds, whether it went well, the step and
the status.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from pathlib import Path
from typing import Any

from locust import HttpUser, constant, events, task

from golden import StepError, handed_on, load_flows, render
from shadow import Observation

FLOWS, _ = load_flows([Path(name) for name in os.environ["FLOWS"].split(os.pathsep)])
SAMPLES: list[list[Any]] = []
NUMBERS = itertools.count(1)


class Player(HttpUser):
    """Plays one flow after another, chosen at random by a seed of its own."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """The same users take the same journeys against either side."""
        self._random = random.Random(next(NUMBERS))

    @task
    def play(self) -> None:
        """One journey, to its end or to the step that fails."""
        self.client.cookies.clear()
        flow = self._random.choice(FLOWS)
        values = {name: os.environ.get(variable, "") for name, variable in flow.secrets.items()}
        for step in flow.steps:
            began, status = time.perf_counter(), 0
            try:
                asked = render(step, values)
                with self.client.request(
                    asked.method,
                    asked.target,
                    name=f"{flow.name}/{step.name}",
                    headers=dict(asked.headers),
                    data=asked.body or None,
                    allow_redirects=False,
                    catch_response=True,
                ) as answer:
                    seconds = time.perf_counter() - began
                    status = answer.status_code
                    good = 0 < status < 500
                    answer.success() if good else answer.failure(f"status {answer.status_code}")
                    seen = Observation(
                        "new",
                        answer.status_code,
                        tuple(
                            (n.encode(), v.encode("latin-1", "replace")) for n, v in answer.headers.items()
                        ),
                        answer.content or b"",
                    )
                values |= handed_on(step, seen, {n: v or "" for n, v in self.client.cookies.items()})
            except StepError:
                seconds, good = time.perf_counter() - began, False
            SAMPLES.append([round(seconds, 6), good, f"{flow.name}/{step.name}", status])
            if not good:
                return


@events.quitting.add_listener
def write(**_: Any) -> None:
    """What was measured, for whoever started this."""
    Path(os.environ["SAMPLES"]).write_text(json.dumps(SAMPLES))
