"""What passes between a process and its helper: frames of 4 bytes of length (big-endian) and JSON. Apart from
the helper itself, so that who only asks does not load what the helper needs.
"""

from __future__ import annotations

import json
import struct
from typing import Any

LENGTH = struct.Struct(">I")


def frame(value: Any) -> bytes:
    """``value`` as one frame."""
    content = json.dumps(value).encode()
    return LENGTH.pack(len(content)) + content
