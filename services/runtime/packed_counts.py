"""Daily counts as ledger.lua keeps them: those of one name are one string of records, a few bytes each.

A record is a day (2 bytes, little-endian: a search for it passes over bytes that most days share) and one byte: three
bits of kind, five of count. Once a count is not within 0 to 31, the string becomes wide: it begins with FFFF, and a
record is day, kind (1 byte) and count (4 bytes, signed). A count of zero has no record. The order of the records says
nothing. A count's code is its day * 8 + its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

import numpy as np

#: How many kinds of counts a day may have.
KINDS = 8
#: The latest day that can be kept, as days since 1970-01-01: 5 June 2149.
LAST_DAY = 0xFFFE

_WIDE = b"\xff\xff"
_NARROW_RECORD, _WIDE_RECORD = Struct("<HB"), Struct("<HBi")
_NARROW = np.dtype([("day", "<u2"), ("rest", "u1")])
_WIDE_TYPE = np.dtype([("day", "<u2"), ("kind", "u1"), ("count", "<i4")])
#: So many bits hold every code.
_CODE_BITS = 19
#: Strings of this many bytes and more are read by numpy, which begins slowly.
_LONG = 120


def pack_increments(increments: Mapping[int, int]) -> bytes:
    """Increments by code, as ledger.lua takes them: as counts are kept; those of zero are left out."""
    if len(increments) == 1:
        ((code, n),) = increments.items()
        return _packed(code, n)
    records = [_packed(code, n) for code, n in increments.items() if n]
    if set(map(len, records)) <= {_NARROW_RECORD.size}:
        return b"".join(records)
    wide = b"".join([_WIDE_RECORD.pack(code >> 3, code & 7, n) for code, n in increments.items() if n])
    return _WIDE + wide if wide else b""


def pack_sums(groups: Sequence[tuple[Sequence[int], Mapping[int, int]]]) -> Iterator[tuple[int, bytes]]:
    """Sums many increments at once, and packs them as `pack_increments` would: of each group, every name, told by a
    number, gets all the increments by code. Yields each name whose sums are not all zero, with them."""
    rows = [(len(names), code, n) for names, increments in groups for code, n in increments.items() if names]
    if not rows:
        return
    spread, codes, increments = np.array(rows, np.int64).T
    owners = np.array([name for names, by_code in groups for _ in by_code for name in names], np.int64)
    keys = owners << _CODE_BITS | np.repeat(codes, spread)
    order = np.argsort(keys)
    keys = keys[order]
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    sums = np.add.reduceat(np.repeat(increments, spread)[order], firsts)
    keys, sums = keys[firsts][sums != 0], sums[sums != 0]
    owners, codes = keys >> _CODE_BITS, keys & (1 << _CODE_BITS) - 1
    narrow = np.empty(len(keys), _NARROW)
    narrow["day"], narrow["rest"] = codes >> 3, (codes & 7) << 5 | sums & 31
    packed, size = narrow.tobytes(), _NARROW.itemsize
    too_wide = set(owners[(sums < 0) | (sums > 31)].tolist())
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    names, ends = owners[starts].tolist(), np.append(starts[1:], len(keys))[: len(starts)]
    for name, start, end in zip(names, starts.tolist(), ends.tolist(), strict=True):
        if name in too_wide:
            of_name = zip(codes[start:end].tolist(), sums[start:end].tolist(), strict=True)
            yield name, pack_increments(dict(of_name))
        else:
            yield name, packed[start * size : end * size]


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
            code = packed[at + 1] << 11 | packed[at] << 3 | last >> 5
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
