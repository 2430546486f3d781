"""What can go wrong with goldens, one tree; it must not know how anything is shown to a person.

    GoldenError
    ├── FlowError         a flow file that cannot be read, or that asks for something impossible
    ├── RecordingError    a recording that cannot be read: corrupt, truncated, foreign, of a newer format
    └── StepError         a step that could not be played to its end
        ├── SideError         the side did not answer, or not in time
        └── ThreadingError    a value that a step hands on was not found, or was never handed on

Every message is one sentence that names the file and, where there is one, the step.
"""


class GoldenError(Exception):
    """Base of everything that this package raises on purpose."""


class FlowError(GoldenError):
    """A flow file that cannot be played as it is written."""

    def __init__(self, file: str, what: str, *, step: str = "") -> None:
        self.file = file
        self.step = step
        self.what = what
        super().__init__(f"{file}: step {step!r}: {what}" if step else f"{file}: {what}")


class RecordingError(GoldenError):
    """A recording that cannot be trusted; `file` says which."""

    def __init__(self, file: str, what: str) -> None:
        self.file = file
        self.what = what
        super().__init__(f"{file}: {what}")


class StepError(GoldenError):
    """A step that could not be played; the message says what happened, the caller knows which step."""


class SideError(StepError):
    """The side is down, broke off, never came to an end, or sent more than is allowed."""


class ThreadingError(StepError):
    """A value carried from step to step is missing."""
