"""Qualification rates: windows of days, and the rate with its Wilson interval. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import sqrt
from typing import NamedTuple, cast

from schemas.qualification import Rate, Window
from schemas.values import Domain, Plan
from services.lab_results.counts import Counts, Daily, total
from services.lab_results.cuts import Cell
from services.runtime.calendar import day_from_number

#: The 97.5 % point of the normal distribution: two-sided 95 %.
_Z = 1.959963984540054
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
    return Window.model_construct(
        from_=span.first,
        to=span.last,
        passed=counts.passed,
        failed=counts.failed,
        inconclusive=counts.inconclusive,
        rate=counts.passed / (counts.passed + counts.failed),
        low=low,
        high=high,
    )


def rate_of(cell: Cell, daily: Daily, as_of: date) -> Rate:
    """The cell's rates in every window that ends on `as_of`, and over all its days."""
    return Rate.model_construct(
        cell=cell.key,
        domain=cast(Domain, cell.domain),
        plan=cast(Plan, cell.plan),
        cut=cell.cut,
        value=cell.value,
        measure=cell.measure,
        as_of=as_of,
        windows=dict(_windows(daily, as_of)),
    )


def _windows(daily: Daily, as_of: date) -> Iterator[tuple[str, Window]]:
    spans: Mapping[str, Span] = {name: window_span(name, as_of) for name in WINDOW_NAMES}
    if daily:
        spans = {**spans, "all": Span(day_from_number(min(daily)), day_from_number(max(daily)))}
    for name, span in spans.items():
        window = window_rate(total(daily, *span), span)
        if window is not None:
            yield name, window
