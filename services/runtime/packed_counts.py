"""Daily counts as ledger.lua keeps them: those of one name are one string of records, a few bytes each.

A record is a day (2 bytes, big-endian) and one byte: three bits of kind, five of count. Once a count is not within 0
to 31, the string becomes wide: it begins with FFFF, and a record is day, kind (1 byte) and count (4 bytes, signed). A
count of zero has no record. The order of the records says nothing. A count's code is its day * 8 + its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any

import numpy as np

#: How many kinds of counts a day may have.
KINDS = 8
#: The latest day that can be kept, as days since 1970-01-01: 5 June 2149.
LAST_DAY = 0xFFFE

_WIDE = b"\xff\xff"
_NARROW_RECORD, _WIDE_RECORD = Struct(">HB"), Struct(">HBi")
_NARROW = np.dtype([("day", ">u2"), ("rest", "u1")])
_WIDE_TYPE = np.dtype([("day", ">u2"), ("kind", "u1"), ("count", ">i4")])
#: Strings of this many bytes and more are read by numpy, which begins slowly.
_LONG = 120


def pack_increments(increments: Mapping[int, int]) -> bytes:
    """Increments by code, as ledger.lua takes them: as counts are kept; those of zero are left out."""
    if len(increments) == 1:
        ((code, n),) = increments.items()
        return _packed(code, n)
    if all(0 < n < 32 for n in increments.values()):
        return b"".join([_packed(code, n) for code, n in increments.items()])
    wide = b"".join([_WIDE_RECORD.pack(code >> 3, code & 7, n) for code, n in increments.items() if n])
    return _WIDE + wide if wide else b""


@lru_cache(maxsize=16384)
def _packed(code: int, n: int) -> bytes:
    if 0 < n < 32:
        return _NARROW_RECORD.pack(code >> 3, (code & 7) << 5 | n)
    return _WIDE + _WIDE_RECORD.pack(code >> 3, code & 7, n) if n else b""


def add_packed(packed: bytes | None, into: dict[int, int]) -> None:
    """Adds the counts of a string to those in `into`, by code."""
    if not packed:
        return
    if len(packed) >= _LONG:
        codes, counts = arrays_of(packed)
        for code, n in zip(codes.tolist(), counts.tolist(), strict=True):
            into[code] = into.get(code, 0) + n
    elif packed.startswith(_WIDE):
        for day, kind, n in _WIDE_RECORD.iter_unpack(packed[2:]):
            into[day << 3 | kind] = into.get(day << 3 | kind, 0) + n
    else:
        for at in range(0, len(packed), 3):
            last = packed[at + 2]
            code = packed[at] << 11 | packed[at + 1] << 3 | last >> 5
            into[code] = into.get(code, 0) + (last & 31)


def is_wide(packed: bytes) -> bool:
    """Whether its records are wide; those of narrow strings may be joined."""
    return packed.startswith(_WIDE)


def arrays_of(packed: bytes) -> tuple[Any, Any]:
    """The codes and the counts of a string, each an int64 array; every code comes once."""
    if packed.startswith(_WIDE):
        wide = np.frombuffer(packed, _WIDE_TYPE, offset=2)
        return wide["day"].astype(np.int64) * KINDS + wide["kind"], wide["count"].astype(np.int64)
    narrow = np.frombuffer(packed, _NARROW)
    return narrow["day"].astype(np.int64) * KINDS + (narrow["rest"] >> 5), (narrow["rest"] & 31).astype(np.int64)
