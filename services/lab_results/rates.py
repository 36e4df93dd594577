"""Qualification rates: windows of days, and the rate with its Wilson interval. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from math import sqrt
from operator import add, sub
from typing import Any, NamedTuple, cast

from schemas.qualification import Earlier, Rate, Share, Window
from schemas.structs import struct_of
from schemas.values import Domain, Plan
from services.lab_results.counts import Counts, Daily
from services.lab_results.cuts import Cell
from services.runtime.calendar import day_from_number, day_number

#: The 97.5 % point of the normal distribution: two-sided 95 %.
_Z = 1.959963984540054
RateFacts = struct_of(Rate, in_full=True)
WindowFacts: Any = struct_of(Window, in_full=True)
ShareFacts: Any = struct_of(Share)
EarlierFacts: Any = struct_of(Earlier)

_WINDOW_DAYS = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
WINDOW_NAMES = (*_WINDOW_DAYS, "ytd")
#: How old a day may be when it enters or leaves a window, the one before it, or the one a year before it.
_AGES = sorted(
    {0, 365, 366} | {age for days in _WINDOW_DAYS.values() for age in (days, 2 * days, days + 365, days + 366)}
)


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


def window_rate(
    counts: Counts,
    span: Span,
    *,
    before: Counts | None = None,
    year_before: Counts | None = None,
    spans: Spans | None = None,
) -> Window | None:
    """The rate over a span; None where nothing passed or failed, since a rate of nothing is absent, not zero.

    `before` and `year_before` are the counts of the spans of those names in `spans`. Routine and targeted sampling are
    told apart where anything was targeted.
    """
    share = share_of(counts.passed, counts.failed)
    if share is None:
        return None
    targeted = counts.targeted_passed + counts.targeted_failed
    window: Window = WindowFacts(
        from_=_text(span.first),
        to=_text(span.last),
        passed=counts.passed,
        failed=counts.failed,
        inconclusive=counts.inconclusive,
        rate=share.rate,
        low=share.low,
        high=share.high,
        revised=counts.revised,
        routine=routine_share(counts) if targeted else None,
        targeted=share_of(counts.targeted_passed, counts.targeted_failed) if targeted else None,
        before=_earlier(before, spans and spans.before),
        year_before=_earlier(year_before, spans and spans.year_before),
    )
    return window


def share_of(passed: int, failed: int) -> Share | None:
    """The passing share with its interval; None of nothing."""
    if passed + failed == 0:
        return None
    low, high = wilson(passed, failed)
    share: Share = ShareFacts(passed=passed, failed=failed, rate=passed / (passed + failed), low=low, high=high)
    return share


def routine_share(counts: Counts) -> Share | None:
    """The share of routine sampling: of all that is not targeted; None of nothing."""
    return share_of(counts.passed - counts.targeted_passed, counts.failed - counts.targeted_failed)


def _earlier(counts: Counts | None, span: Span | None) -> Earlier | None:
    if counts is None or span is None or counts.passed + counts.failed == 0:
        return None
    passed, failed = counts.passed, counts.failed
    low, high = wilson(passed, failed)
    earlier: Earlier = EarlierFacts(
        from_=_text(span.first),
        to=_text(span.last),
        passed=passed,
        failed=failed,
        rate=passed / (passed + failed),
        low=low,
        high=high,
    )
    return earlier


@lru_cache(maxsize=4096)
def _text(day: date) -> str:
    return day.isoformat()


class RunningSums:
    """A cell's daily counts as running sums, so that any span costs two look-ups."""

    def __init__(self, daily: Daily) -> None:
        self.days = sorted(daily)
        self._sums: list[Sequence[int]] = [Counts()]
        for day in self.days:
            self._sums.append(Counts._make(map(add, self._sums[-1], daily[day])))

    @classmethod
    def of(cls, days: list[int], sums: list[list[int]]) -> RunningSums:
        """From day numbers in order, and the sums of `Counts` up to each of them."""
        made = cls({})
        made.days = days
        made._sums.extend(sums)
        return made

    def over(self, span: Span) -> Counts:
        """The counts of the span."""
        start = bisect_left(self.days, day_number(span.first))
        end = bisect_right(self.days, day_number(span.last))
        if start >= end:
            return Counts()
        if start:
            return Counts._make(map(sub, self._sums[end], self._sums[start]))
        if not isinstance(whole := self._sums[end], Counts):
            whole = self._sums[end] = Counts._make(whole)
        return whole

    @property
    def span(self) -> Span | None:
        """From the first day with counts to the last."""
        return Span(day_from_number(self.days[0]), day_from_number(self.days[-1])) if self.days else None

    def next_change(self, as_of: date) -> date | None:
        """The first day after `as_of` as of which a window may hold other counts, though no verdict changes."""
        today = day_number(as_of)
        found = []
        for age in _AGES:
            place = bisect_right(self.days, today - age)
            if place < len(self.days):
                found.append(self.days[place] + age)
        if self.days and self.days[-1] >= day_number(date(max(as_of.year - 1, 1), 1, 1)):
            found.append(day_number(date(as_of.year + 1, 1, 1)))  # ytd begins anew
        return day_from_number(min(found)) if found else None


def rate_of(cell: Cell, sums: RunningSums, as_of: date) -> Rate:
    """The cell's rates in every window that ends on `as_of`, and over all its days."""
    change = sums.next_change(as_of)
    return RateFacts(
        cell=cell.key,
        domain=cast(Domain, cell.domain),
        plan=cast(Plan, cell.plan),
        cut=cell.cut,
        value=cell.value,
        measure=cell.measure,
        as_of=as_of.isoformat(),
        holds_until=(change - timedelta(days=1)).isoformat() if change else None,
        windows=dict(_windows(sums, as_of)),
    )


def _windows(sums: RunningSums, as_of: date) -> Iterator[tuple[str, Window]]:
    for name, spans in _spans(as_of):
        window = window_rate(
            sums.over(spans.now),
            spans.now,
            before=spans.before and sums.over(spans.before),
            year_before=spans.year_before and sums.over(spans.year_before),
            spans=spans,
        )
        if window is not None:
            yield name, window
    everything = sums.span
    if everything is not None:
        window = window_rate(sums.over(everything), everything)
        if window is not None:
            yield "all", window


class Spans(NamedTuple):
    """A window's span with the two that it is compared with."""

    now: Span
    before: Span | None
    year_before: Span | None


def spans_of(name: str, as_of: date) -> Spans:
    """The spans of a window that ends on `as_of`. What lies before ytd is the same days a year before."""
    now = window_span(name, as_of)
    return Spans(now, None if name == "ytd" else span_before(now), span_a_year_before(now))


def span_before(span: Span) -> Span | None:
    """As many days just before; None before the calendar begins."""
    days = (span.last - span.first).days + 1
    if span.first.toordinal() <= days:
        return None
    return Span(span.first - timedelta(days=days), span.first - timedelta(days=1))


def span_a_year_before(span: Span) -> Span | None:
    """The same days a year before; None before the calendar begins."""
    if span.first.year == 1:
        return None
    return Span(a_year_before(span.first), a_year_before(span.last))


def a_year_before(day: date) -> date:
    """The same day a year before, 29 February as the 28th."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


@lru_cache(maxsize=64)
def _spans(as_of: date) -> tuple[tuple[str, Spans], ...]:
    return tuple((name, spans_of(name, as_of)) for name in WINDOW_NAMES)
