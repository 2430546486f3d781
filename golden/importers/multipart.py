"""A multipart/form-data body written as text (RFC 7578); it must not know which format asked for it.

Files are in no collection and no description, so only fields that are texts can be written.
"""

import re
from collections.abc import Iterable

BOUNDARY = "banyan-golden-form"
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def multipart_text(fields: Iterable[tuple[str, str]], content_type: str = "") -> tuple[str, str]:
    """The body and its content type: the one given where it names a boundary, one of our own otherwise."""
    said = re.search(r'boundary="?([\w\'()+,./:=? -]{1,70}[\w\'()+,./:=?-])"?', content_type)
    boundary = said[1] if said else BOUNDARY
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_QUOTED)}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    kind = content_type if said else f"multipart/form-data; boundary={boundary}"
    return "".join([*parts, f"--{boundary}--\r\n"]), kind
