"""Shows one recording as text for a terminal; it must not read files."""

import json

from golden.body import Body
from golden.recording import Fields, Recording


def show(recording: Recording) -> str:
    """The case as a request and an answer, the way they would stand on the wire, with what it hands on."""
    step, answer = recording.step, recording.answer
    lines = [f"{recording.id}   (flow {recording.flow}, step {step.number}: {step.name})", ""]
    lines += _message(f"> {step.method} {step.target}", "> ", step.headers, step.body)
    lines += ["", *_message(f"< {answer.status}", "< ", answer.headers, answer.body)]
    if step.extract:
        lines += ["", *(f"hands on {{{item.name}}} from {item.text}" for item in step.extract)]
    lines += [f"uses {{{name}}}, a value like {form}" for name, form in recording.references.items()]
    lines += [
        f"uses {{{name}}} from the environment variable {variable}"
        for name, variable in recording.secrets.items()
    ]
    if recording.recorded:
        said = {k: ", ".join(v) if isinstance(v, list) else v for k, v in recording.recorded.items()}
        lines += ["", "recorded " + "; ".join(f"{key} {value}" for key, value in said.items())]
    return "\n".join(lines) + "\n"


def _message(first: str, mark: str, headers: Fields, body: Body) -> list[str]:
    lines = [first, *(f"{mark}{name}: {value}" for name, value in headers)]
    if body.kind == "none":
        return lines
    text = body.value if isinstance(body.value, str) else json.dumps(body.value, ensure_ascii=False, indent=2)
    return [*lines, mark.rstrip(), *(f"{mark}{line}".rstrip() for line in text.split("\n"))]
