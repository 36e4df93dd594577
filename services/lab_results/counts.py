"""Daily counts of a cell, and what a verdict adds to them or takes away. Pure.

A count's name in Redis is the day's number and a letter: p passed, f failed, i inconclusive, and P, F for those of
them that come from targeted sampling.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from schemas.qualification import DayCounts
from schemas.verdicts import Verdict
from services.lab_results.cuts import Cell, cells_of
from services.runtime.calendar import day_from_number, day_number

_LETTERS = {"pass": "p", "fail": "f", "inconclusive": "i"}
_NAMES = {
    "p": "passed",
    "f": "failed",
    "i": "inconclusive",
    "P": "targeted_passed",
    "F": "targeted_failed",
}

#: What a batch adds: cell -> count's name -> increment.
Increments = dict[Cell, Counter[str]]


class Counts(NamedTuple):
    """Counts over one or more days; `targeted_*` are part of the others."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    targeted_passed: int = 0
    targeted_failed: int = 0


#: The counts of a cell by day number.
Daily = Mapping[int, Counts]


def move(increments: Increments, before: Verdict | None, after: Verdict | None) -> None:
    """Adds what changes when one verdict takes the place of another: what it had counted goes where it had counted."""
    for verdict, sign in ((before, -1), (after, 1)):
        if verdict is None or verdict.outcome is None or verdict.counted_on is None:
            continue
        letter = _LETTERS[verdict.outcome]
        names = [f"{day_number(verdict.counted_on)}{letter}"]
        if verdict.targeting == "targeted" and letter in "pf":
            names.append(names[0].upper())
        for cell in cells_of(verdict):
            counter = increments[cell]
            for name in names:
                counter[name] += sign


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
    return tuple(
        DayCounts.model_construct(None, day=day_from_number(day), **days[day])  # type: ignore[arg-type]
        for day in sorted(days)
    )
