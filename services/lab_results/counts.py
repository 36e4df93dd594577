"""Daily counts of a cell, and what a verdict adds to them or takes away. Pure.

A count's name in Redis is the day's number and a letter: p passed, f failed, i inconclusive, and P, F for those of
them that come from targeted sampling.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from schemas.qualification import DayCounts
from schemas.structs import struct_of
from schemas.verdicts import Verdict
from services.lab_results.cuts import WHO_CUTS, Place, cells_of_place, group_key, place_of
from services.runtime.calendar import day_from_number, day_number, number_of_day

_LETTERS = {"pass": "p", "fail": "f", "inconclusive": "i"}
_NAMES = {
    "p": "passed",
    "f": "failed",
    "i": "inconclusive",
    "P": "targeted_passed",
    "F": "targeted_failed",
}

DayCountsFacts = struct_of(DayCounts, in_full=True)

#: What a batch adds: group of cells -> cell's value -> count's name -> increment.
Increments = dict[str, dict[str, dict[str, int]]]


class Counts(NamedTuple):
    """Counts over one or more days; `targeted_*` are part of the others."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    targeted_passed: int = 0
    targeted_failed: int = 0


#: The counts of a cell by day number.
Daily = Mapping[int, Counts]


class Tally:
    """What a batch of verdicts adds to the counts: gathered by place first, since many verdicts share one."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[Place, str], int] = {}
        self._by_cell: Increments = {}

    def move(self, before: Verdict | None, after: Verdict | None) -> None:
        """Adds what changes when one verdict takes another's place: what it had counted goes where it had counted."""
        if before is not None:
            self._count(before, -1)
        if after is not None:
            self._count(after, 1)

    def _count(self, verdict: Verdict, sign: int) -> None:
        if verdict.outcome is None or verdict.counted_on is None:
            return
        letter = _LETTERS[verdict.outcome]
        name = f"{number_of_day(verdict.counted_on)}{letter}"
        names = (name, name.upper()) if verdict.targeting == "targeted" and letter in "pf" else (name,)
        place, by_place, by_cell = place_of(verdict), self._by_place, self._by_cell
        for name in names:
            by_place[place, name] = by_place.get((place, name), 0) + sign
        for cut, value_of, _ in WHO_CUTS:
            value = value_of(verdict)
            if value:
                cells = by_cell.setdefault(group_key(verdict.domain, verdict.plan, cut), {})
                counts = cells.setdefault(value, {})
                for name in names:
                    counts[name] = counts.get(name, 0) + sign

    def increments(self) -> Increments:
        """The increments of every cell; those that come to nothing are zero. Ends the tally."""
        for (place, name), increment in self._by_place.items():
            for group, value in cells_of_place(place):
                counts = self._by_cell.setdefault(group, {}).setdefault(value, {})
                counts[name] = counts.get(name, 0) + increment
        self._by_place.clear()
        return self._by_cell


def daily_counts(named: Iterable[tuple[str, int]]) -> dict[int, Counts]:
    """Counts by day number, from count names; those of one name are added up, and days without counts left out."""
    days: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, count in named:
        days[int(name[:-1])][_NAMES[name[-1]]] += count
    return {day: Counts(**counts) for day, counts in days.items() if any(counts.values())}


def count_names(day: int) -> list[str]:
    """The names of all counts of a day."""
    return [f"{day}{letter}" for letter in _NAMES]


def total(daily: Daily, first: date | None = None, last: date | None = None) -> Counts:
    """The counts of the days from `first` to `last`, both included."""
    low = day_number(first) if first else None
    high = day_number(last) if last else None
    chosen = [counts for day, counts in daily.items() if (low is None or day >= low) and (high is None or day <= high)]
    return Counts(*map(sum, zip(*chosen, strict=True))) if chosen else Counts()


def day_deltas(counter: Mapping[str, int]) -> tuple[DayCounts, ...]:
    """The increments of one cell as the contract gives them, by day; days on which nothing changes are left out."""
    days: dict[int, dict[str, int]] = defaultdict(dict)
    for name, increment in counter.items():
        if increment:
            days[int(name[:-1])][_NAMES[name[-1]]] = increment
    return tuple(DayCountsFacts(day=day_from_number(day).isoformat(), **days[day]) for day in sorted(days))
