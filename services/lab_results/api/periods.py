"""Periods of a series: days, weeks from Monday, calendar months. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby

from services.lab_results.counts import Counts
from services.lab_results.rates import RunningSums, Span
from services.runtime.calendar import day_from_number, day_number


def by_period(sums: RunningSums, period: str, span: Span) -> Iterator[tuple[Span, Counts]]:
    """The counts of each period of the span, in order; those without counts are left out.

    The first and the last period are cut to the span.
    """
    start, end = bisect_left(sums.days, day_number(span.first)), bisect_right(sums.days, day_number(span.last))
    for whole, _ in groupby(sums.days[start:end], _PERIODS[period]):
        cut = Span(max(whole.first, span.first), min(whole.last, span.last))
        yield cut, sums.over(cut)


@lru_cache(maxsize=4096)
def _day(number: int) -> Span:
    day = day_from_number(number)
    return Span(day, day)


@lru_cache(maxsize=4096)
def _week(number: int) -> Span:
    monday = number - (number + 3) % 7  # 1970-01-01 was a Thursday
    return Span(day_from_number(monday), day_from_number(monday + 6))


@lru_cache(maxsize=4096)
def _month(number: int) -> Span:
    first = day_from_number(number).replace(day=1)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return Span(first, day_from_number(day_number(following) - 1))


_PERIODS: dict[str, Callable[[int], Span]] = {"day": _day, "week": _week, "month": _month}
PERIODS = tuple(_PERIODS)
