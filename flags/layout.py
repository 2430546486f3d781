"""Where everything lies in the page file: numbers only. It must not know files, locks or processes.

    offset    size           what
    0         64             header: magic 8, layout 4, rows 4, slots 4, buffer bytes 4, total 8, crc32 4
    64        16             STAMP: revision 8, latch stamp 8; any change of the page changes it
    80        1              latch of everything: odd is rolled back, and each change moves it on
    81        1              which snapshot buffer is active, 0 or 1
    84        4              how many name slots are taken (names are only ever appended)
    128       128 × 64       worker rows: pid 4, start mark 4, heartbeat 8, acknowledged stamp 16
    ROWS end  4096           latch bytes, one for each slot, of the same kind
              4096           listed bytes, one for each slot: is the feature configured now
              4096 × 64      names, UTF-8, filled with zeros
              2 × 1 MiB      snapshot buffers: length 4, crc32 4, JSON of {revision, percents, rules}

All numbers are little-endian. What several processes write at once (stamp halves, latch bytes, rows) has one
writer for each cell, or may be written by any with the same meaning; cells of eight bytes are aligned, so one
store writes each.
"""

from __future__ import annotations

import struct
import zlib

__all__ = [
    "ACTIVE",
    "BUFFERS",
    "BUFFER_BYTES",
    "BUFFER_HEAD",
    "EVERYTHING",
    "HEADER_BYTES",
    "LATCHES",
    "LATCH_STAMP",
    "LISTED",
    "NAMES",
    "NAME_BYTES",
    "REVISION",
    "ROWS",
    "ROW_ACK",
    "ROW_BEAT",
    "ROW_BYTES",
    "ROW_COUNT",
    "ROW_OWNER",
    "SLOTS",
    "SLOT_COUNT",
    "STAMP",
    "TOTAL_BYTES",
    "U64",
    "header",
]

MAGIC = b"BANYANPG"
LAYOUT = 1
ROW_COUNT, ROW_BYTES = 128, 64
SLOTS, NAME_BYTES = 4096, 64
BUFFER_BYTES = 1 << 20
HEADER_BYTES = 64

REVISION = slice(64, 72)
LATCH_STAMP = slice(72, 80)
STAMP = slice(64, 80)
EVERYTHING = 80
ACTIVE = 81
SLOT_COUNT = slice(84, 88)

ROWS = 128
ROW_OWNER = struct.Struct("<II")  # pid, start mark, at the start of a row
ROW_BEAT = slice(8, 16)
ROW_ACK = slice(16, 32)

LATCHES = ROWS + ROW_COUNT * ROW_BYTES
LISTED = LATCHES + SLOTS
NAMES = LISTED + SLOTS
_NAMES_END = NAMES + SLOTS * NAME_BYTES
BUFFERS = (_NAMES_END, _NAMES_END + BUFFER_BYTES)
BUFFER_HEAD = struct.Struct("<II")  # length, crc32
TOTAL_BYTES = _NAMES_END + 2 * BUFFER_BYTES

U64 = struct.Struct("<Q")


def header() -> bytes:
    """The first 64 bytes of every page of this layout: a page that begins otherwise is not one of ours."""
    body = MAGIC + struct.pack("<IIIIQ", LAYOUT, ROW_COUNT, SLOTS, BUFFER_BYTES, TOTAL_BYTES)
    return (body + struct.pack("<I", zlib.crc32(body))).ljust(HEADER_BYTES, b"\0")
