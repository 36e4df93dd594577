"""Qualification rates: windows of days, and the rate with its Wilson interval. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from math import sqrt
from operator import add
from typing import Any, NamedTuple, cast

from schemas.qualification import Rate, Window
from schemas.structs import struct_of
from schemas.values import Domain, Plan
from services.lab_results.counts import Counts, Daily, total
from services.lab_results.cuts import Cell
from services.runtime.calendar import day_from_number, day_number

#: The 97.5 % point of the normal distribution: two-sided 95 %.
_Z = 1.959963984540054
RateFacts = struct_of(Rate, in_full=True)
WindowFacts: Any = struct_of(Window, in_full=True)

_WINDOW_DAYS = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
WINDOW_NAMES = (*_WINDOW_DAYS, "ytd")


class Span(NamedTuple):
    """Days from `first` to `last`, both included."""

    first: date
    last: date


def window_span(name: str, as_of: date) -> Span:
    """The days of a window that ends on `as_of`; raises KeyError for a name that is none of WINDOW_NAMES."""
    if name == "ytd":
        return Span(as_of.replace(month=1, day=1), as_of)
    return Span(as_of - timedelta(days=_WINDOW_DAYS[name] - 1), as_of)


def wilson(passed: int, failed: int) -> tuple[float, float]:
    """The Wilson 95 % interval of passed / (passed + failed); at least one of the two is above zero."""
    n = passed + failed
    p = passed / n
    centre = p + _Z * _Z / (2 * n)
    half = _Z * sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
    scale = 1 + _Z * _Z / n
    low = 0.0 if passed == 0 else (centre - half) / scale
    high = 1.0 if failed == 0 else (centre + half) / scale
    return low, high


def window_rate(counts: Counts, span: Span) -> Window | None:
    """The rate over a span; None where nothing passed or failed, since a rate of nothing is absent, not zero."""
    if counts.passed + counts.failed == 0:
        return None
    low, high = wilson(counts.passed, counts.failed)
    window: Window = WindowFacts(
        from_=span.first.isoformat(),
        to=span.last.isoformat(),
        passed=counts.passed,
        failed=counts.failed,
        inconclusive=counts.inconclusive,
        rate=counts.passed / (counts.passed + counts.failed),
        low=low,
        high=high,
    )
    return window


class RollingCounts:
    """A cell's daily counts with their sum, so that a window costs its days and no more."""

    def __init__(self, daily: Daily) -> None:
        self.daily = dict(daily)
        self.sum = total(daily)

    def renew(self, days: Iterable[int], daily: Daily) -> None:
        """Puts what the days hold now, which may be nothing, in the place of what they held."""
        for day in days:
            before, now = self.daily.pop(day, Counts()), daily.get(day, Counts())
            self.sum = Counts(*(held - old + new for held, old, new in zip(self.sum, before, now, strict=True)))
            if any(now):
                self.daily[day] = now

    def back_from(self, as_of: date, lengths: Iterable[int]) -> Iterator[Counts]:
        """The sums over the last so many days up to `as_of`, for each length, the shortest first."""
        last, reached, held = day_number(as_of), 0, Counts()
        for length in lengths:
            for age in range(reached, length):
                counts = self.daily.get(last - age)
                if counts is not None:
                    held = Counts(*map(add, held, counts))
            reached = length
            yield held


def rate_of(cell: Cell, rolling: RollingCounts, as_of: date) -> Rate:
    """The cell's rates in every window that ends on `as_of`, and over all its days."""
    return RateFacts(
        cell=cell.key,
        domain=cast(Domain, cell.domain),
        plan=cast(Plan, cell.plan),
        cut=cell.cut,
        value=cell.value,
        measure=cell.measure,
        as_of=as_of.isoformat(),
        windows=dict(_windows(rolling, as_of)),
    )


def _windows(rolling: RollingCounts, as_of: date) -> Iterator[tuple[str, Window]]:
    spans = {name: window_span(name, as_of) for name in WINDOW_NAMES}
    lengths = {name: (span.last - span.first).days + 1 for name, span in spans.items()}
    names = sorted(lengths, key=lambda name: lengths[name])
    sums = dict(zip(names, rolling.back_from(as_of, [lengths[name] for name in names]), strict=True))
    if rolling.daily:
        spans["all"] = Span(day_from_number(min(rolling.daily)), day_from_number(max(rolling.daily)))
        sums["all"] = rolling.sum
    for name, span in spans.items():
        window = window_rate(sums[name], span)
        if window is not None:
            yield name, window
