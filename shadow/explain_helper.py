"""The helper process that runs DeepDiff: it reads two values, writes what differs, and may be killed at any
moment.

Frames on its standard input and output are 4 bytes of length (big-endian) and JSON; nothing is ever
unpickled. The first frame it writes says that it is ready. It must not know anything of the process that
started it. Run as ``python -m shadow.explain_helper``.
"""

from __future__ import annotations

import json
import sys
from typing import Any, BinaryIO

from deepdiff import DeepDiff

from shadow.explain_frames import LENGTH, frame

MAX_DIFFS = 10_000
READY = {"ready": True}


def differences(control: Any, candidate: Any) -> dict[str, Any]:
    """``{"result": DeepDiff's result as JSON}``, or ``{"reason": why there is none}``.

    The settings answer what DeepDiff does by default: keys that start with ``__`` are skipped, an object that
    changed in a third of its fields is folded into one change, lists are compared by ``==`` (so ``[1]``
    equals ``[True]``), and an empty result may mean that a limit was reached.
    """
    try:
        found = DeepDiff(
            control,
            candidate,
            ignore_private_variables=False,
            threshold_to_diff_deeper=0,
            zip_ordered_iterables=True,
            max_diffs=MAX_DIFFS,
        )
        stats = found.get_stats()  # type: ignore[no-untyped-call]  # DeepDiff leaves it unannotated
        if stats["MAX DIFF LIMIT REACHED"] or stats["MAX PASS LIMIT REACHED"]:
            return {"reason": "DeepDiff reached its limit"}
        return {"result": json.loads(found.to_json())}
    except RecursionError:
        return {"reason": "nested too deeply for DeepDiff"}
    except Exception as problem:  # noqa: BLE001 - a foreign library's border: what it raises is a reason
        return {"reason": f"DeepDiff failed: {type(problem).__name__}"}


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None at the end."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(head)[0])


def main() -> None:
    """Answer until standard input ends."""
    sys.stdout.buffer.write(frame(READY))
    sys.stdout.buffer.flush()
    while (content := read_frame(sys.stdin.buffer)) is not None:
        control, candidate = json.loads(content)
        sys.stdout.buffer.write(frame(differences(control, candidate)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
