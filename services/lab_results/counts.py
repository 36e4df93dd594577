"""Daily counts of a cell, and what a verdict adds to them or takes away. Pure.

A count has a code: its day's number * 8 + its kind, which is the place of its name in `Counts`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import count
from typing import NamedTuple

from schemas.qualification import DayCounts
from schemas.structs import struct_of
from schemas.verdicts import Verdict
from services.lab_results.completeness import LONGEST
from services.lab_results.cuts import CELLS, Cells, Place, place_of
from services.runtime.calendar import day_from_number, day_number, day_number_at, number_of_day
from services.runtime.packed_counts import KINDS, LAST_DAY, add_packed, pack_sums

DayCountsFacts = struct_of(DayCounts, in_full=True)

#: What a batch adds: group of cells -> cell's value -> count's code -> increment.
Increments = dict[str, dict[str, dict[int, int]]]
#: The same, packed.
PackedIncrements = dict[str, dict[str, bytes]]


class Counts(NamedTuple):
    """Counts over one or more days. `targeted_*` are part of the others, and so is `revised`: samples whose verdict
    rests on more than its first report, as amended or retested."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    targeted_passed: int = 0
    targeted_failed: int = 0
    revised: int = 0


_KINDS = {"pass": 0, "fail": 1, "inconclusive": 2}
_TARGETED, _REVISED = 3, Counts._fields.index("revised")
#: The counts of a cell by day number.
Daily = Mapping[int, Counts]


class Tally:
    """What verdicts add to the counts: gathered by place first, since many verdicts share one. It holds no verdict, so
    those of a whole partition may go through it."""

    def __init__(self, cells: Cells = CELLS) -> None:
        self._cells = cells
        self._by_place: dict[Place, dict[int, int]] = {}
        self._by_who: dict[tuple[str, str], dict[int, int]] = {}
        #: How late results came: domain|plan -> delay in days -> count's code -> increment.
        self.delays: Increments = {}

    def move(self, before: Verdict | None, after: Verdict | None) -> None:
        """Adds what changes when one verdict takes another's place: what it had counted goes where it had counted."""
        if before is not None:
            self._count(before, -1)
        if after is not None:
            self._count(after, 1)

    def arrive(self, before: Verdict | None, after: Verdict | None, milliseconds: int) -> None:
        """Notes how many days after it was issued a result came that counts for the first time."""
        # one that was withdrawn and reported again has come before, though it counted nowhere in between
        if after is None or after.counted_on is None or (before is not None and before.first_outcome is not None):
            return
        day = number_of_day(str(after.counted_on))
        delay = day_number_at(milliseconds) - day
        if 0 <= delay <= LONGEST and 0 <= day <= LAST_DAY:
            by_delay = self.delays.setdefault(f"{after.domain}|{after.plan}", {})
            _add(by_delay.setdefault(str(delay), {}), (day * KINDS,), 1)

    def _count(self, verdict: Verdict, sign: int) -> None:
        if verdict.outcome is None or verdict.counted_on is None:
            return
        codes = _codes(verdict)
        place = place_of(verdict)
        _add(self._by_place.setdefault(place, {}), codes, sign)
        for cell in self._cells.of_who(verdict, place):
            _add(self._by_who.setdefault(cell, {}), codes, sign)

    def packed(self) -> PackedIncrements:
        """As `increments`, packed, which is faster for many verdicts; those that come to nothing are left out."""
        numbers: dict[tuple[str, str], int] = defaultdict(count().__next__)
        rows = [([numbers[cell] for cell in cells], counter) for cells, counter in self._moved()]
        names = list(numbers)
        packed: PackedIncrements = defaultdict(dict)
        for number, sums in pack_sums(rows):
            group, value = names[number]
            packed[group][value] = sums
        return packed

    def increments(self) -> Increments:
        """The increments of every cell; those that come to nothing are zero."""
        by_cell: Increments = {}
        for cells, counter in self._moved():
            for group, value in cells:
                of_group = by_cell.get(group)
                if of_group is None:
                    of_group = by_cell[group] = {}
                held = of_group.get(value)
                if held is None:
                    of_group[value] = counter.copy()
                else:
                    for code, n in counter.items():
                        held[code] = held.get(code, 0) + n
        return by_cell

    def _moved(self) -> Iterator[tuple[Sequence[tuple[str, str]], dict[int, int]]]:
        """Cells with what all of them are moved by, each cell any number of times."""
        for place, counter in self._by_place.items():
            yield self._cells.of_place(place), counter
        for cell, counter in self._by_who.items():
            yield (cell,), counter


def _codes(verdict: Verdict) -> tuple[int, ...]:
    assert verdict.outcome is not None
    # the mirrors have days as text; a made-up source may lie beyond the last day that can be kept
    first = min(max(number_of_day(str(verdict.counted_on)), 0), LAST_DAY) * KINDS
    kind = _KINDS[verdict.outcome]
    if verdict.targeting == "targeted" and kind < 2:
        codes: tuple[int, ...] = (first + kind, first + kind + _TARGETED)
    else:
        codes = (first + kind,)
    return (*codes, first + _REVISED) if verdict.status == "revised" else codes


def _add(counter: dict[int, int], codes: tuple[int, ...], n: int) -> None:
    for code in codes:
        counter[code] = counter.get(code, 0) + n


def daily_counts(parts: Iterable[bytes | None]) -> dict[int, Counts]:
    """Counts by day number, summed over packed parts; days without counts are left out."""
    by_code: dict[int, int] = {}
    for part in parts:
        add_packed(part, by_code)
    days: dict[int, list[int]] = {}
    for code, n in by_code.items():
        if n:
            row = days.get(code >> 3)
            if row is None:
                row = days[code >> 3] = [0] * len(Counts._fields)
            row[code & 7] = n
    return {day: Counts._make(row) for day, row in days.items()}


def total(daily: Daily, first: date | None = None, last: date | None = None) -> Counts:
    """The counts of the days from `first` to `last`, both included."""
    low = day_number(first) if first else None
    high = day_number(last) if last else None
    chosen = [counts for day, counts in daily.items() if (low is None or day >= low) and (high is None or day <= high)]
    return Counts(*map(sum, zip(*chosen, strict=True))) if chosen else Counts()


def day_deltas(counter: Mapping[int, int]) -> tuple[DayCounts, ...]:
    """The increments of one cell as the contract gives them, by day; days on which nothing changes are left out."""
    return _day_deltas(tuple(counter.items()))


@lru_cache(maxsize=4096)  # a verdict adds the same to each of its cells
def _day_deltas(increments: tuple[tuple[int, int], ...]) -> tuple[DayCounts, ...]:
    days: dict[int, dict[str, int]] = {}
    for code, increment in increments:
        if increment:
            days.setdefault(code >> 3, {})[Counts._fields[code & 7]] = increment
    return tuple(DayCountsFacts(day=_text_of(day), **days[day]) for day in sorted(days))


@lru_cache(maxsize=4096)
def _text_of(day: int) -> str:
    return day_from_number(day).isoformat()
