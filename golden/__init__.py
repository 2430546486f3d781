"""What was right: answers recorded as the truth, replayed against any side. Knows nothing of a gateway.

The map, in the order data takes:

    flow           a journey written by a person (checks), its steps (step, body), what each hands on
                   (extraction) and uses (template)
    rendering      a step as it is sent, and what its answer hands on
    player         plays steps against a side, with cookies of its own
    scrub          takes secrets out, names what is volatile (volatile), refers to what was met before
                   (known); fields and cookies are places where a value may stand
    recording      one case as one file (reading), with where it comes from (provenance); files keeps the
                   folder of them
    importers      flows from what there is already: HAR, OpenAPI, access logs, Postman
    recorder       flow, player, scrub, files: record(); from two runs it learns what differs (learning)
    telling        a session that happened, as a flow and its recordings: what an answer offers (offers) is
                   recognised in later requests (correlate); flow_text writes the flow down
    journey        recordings played in order, each compared by comparing (fit) with shadow's comparison
    verifier       all journeys of a folder: verify()
    live           recognises a live request that has a recording: GoldenIndex, JourneyState
    regular        a file a person has named, read; yaml_text: YAML as the values of JSON
    report         what a run found, with its exit code; junit, markdown and show write it down, annotations
                   tell it to a build server
    baseline       one run beside an earlier one; replacing: where a report may be written
    accepting      takes a side's answers over into chosen recordings: accept()
    lint           what is wrong with a folder of recordings
    pytest_plugin  every recording as a test
    errors         what can go wrong
"""

from golden.accepting import Accepted, AcceptReport, accept
from golden.annotations import github_annotations
from golden.baseline import Changes, changes, exit_code_since, read_run, run_of, save_run
from golden.comparing import compare_with_golden
from golden.correlate import Exchange
from golden.errors import FlowError, GoldenError, RecordingError, SideError, StepError, ThreadingError
from golden.files import read_all, write
from golden.flow import Flow, load_flows
from golden.flow_text import to_toml
from golden.importers import FORMATS, Imported, Wish, import_flows
from golden.journey import Journey, Terms
from golden.junit import write_junit
from golden.lint import LintReport, lint
from golden.live import GoldenIndex, JourneyState
from golden.markdown import to_markdown, write_markdown
from golden.player import checked_url, secrets_from
from golden.provenance import Provenance
from golden.reading import read as read_recording
from golden.recorder import record, write_journey
from golden.recording import Answer, Recording
from golden.rendering import Rendered, handed_on, render
from golden.replacing import check_place
from golden.report import Case, Cause, Problem, RecordReport, Saved, VerifyReport
from golden.scrub import Scrubber, scrubber_for
from golden.show import show
from golden.step import Step
from golden.telling import Journal, tell
from golden.verifier import verify

__all__ = [
    "FORMATS",
    "AcceptReport",
    "Accepted",
    "Answer",
    "Case",
    "Cause",
    "Changes",
    "Exchange",
    "Flow",
    "FlowError",
    "GoldenError",
    "GoldenIndex",
    "Imported",
    "Journal",
    "Journey",
    "JourneyState",
    "LintReport",
    "Problem",
    "Provenance",
    "RecordReport",
    "Recording",
    "RecordingError",
    "Rendered",
    "Saved",
    "Scrubber",
    "SideError",
    "Step",
    "StepError",
    "Terms",
    "ThreadingError",
    "VerifyReport",
    "Wish",
    "accept",
    "changes",
    "check_place",
    "checked_url",
    "compare_with_golden",
    "exit_code_since",
    "github_annotations",
    "handed_on",
    "import_flows",
    "lint",
    "load_flows",
    "read_all",
    "read_recording",
    "read_run",
    "record",
    "render",
    "run_of",
    "save_run",
    "scrubber_for",
    "secrets_from",
    "show",
    "tell",
    "to_markdown",
    "to_toml",
    "verify",
    "write",
    "write_journey",
    "write_junit",
    "write_markdown",
]
