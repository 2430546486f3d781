"""What gunicorn's corpus calls valid and this gateway does not serve: the rule, the status, why, and what
Envoy answers."""

from __future__ import annotations

from typing import NamedTuple


class Stricter(NamedTuple):
    """One file of the corpus. ``envoy``: what it was answered there."""

    rule: str
    status: int
    why: str
    envoy: str


_FRAMING, _HOST = "rule 6, framing in", "rule 4, Host"
STRICTER = {
    "009": Stricter(
        _FRAMING, 400, "a length beside a transfer coding, which has no end without chunked either", "400"
    ),
    "025": Stricter(_FRAMING, 400, "gzip ends at this hop (rule 1) and is not decoded here", "501"),
    "025_line": Stricter(_FRAMING, 400, "the same in one line", "501"),
    "099": Stricter("limits, body rate", 408, "the file ends before the length that it announces", "closes"),
    "rfc9112_smuggle_gzip_chunked_01": Stricter(_FRAMING, 400, "gzip, as above", "501"),
    "rfc9112_target_absolute_userinfo_01": Stricter(_HOST, 400, "user info before the host", "200"),
    "rfc9112_target_authority_connect_01": Stricter(_HOST, 405, "CONNECT is refused", "404"),
    "rfc9112_target_authority_ipv6_01": Stricter(_HOST, 405, "CONNECT is refused", "404"),
}
HERE = {"rfc9112_target_asterisk_options_01": 204}
"""Answered by the gateway itself (rule 4)."""
