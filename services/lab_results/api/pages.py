"""The answers of /rates and /rates/series."""

from __future__ import annotations

from datetime import date

from services.lab_results.api.arrivals import Arrivals
from services.lab_results.api.counts_cache import CountsCache, Versions
from services.lab_results.api.listing import cells_of, cursor_after
from services.lab_results.api.parameters import RatesQuery, SeriesQuery
from services.lab_results.api.periods import by_period
from services.lab_results.api.rows import Row, beside, chosen, days, head, rated, rated_if_any
from services.lab_results.counts import Counts
from services.lab_results.cuts import Cell
from services.lab_results.rates import RunningSums, Span, Spans, span_a_year_before, span_before, spans_of


async def rates_page(cache: CountsCache, arrivals: Arrivals, versions: Versions, query: RatesQuery, today: date) -> Row:
    """As `answers.RatesPage`."""
    asked, last = query.span(today), None
    compared = _compared(query, asked, today)
    rows: list[Row] = []
    async for cell, sums in cells_of(cache, query):
        span = closed(asked, sums)
        row = _rate_row(cell, sums, span, compared, query) if span else None
        if span is None or row is None:
            continue
        if len(rows) == query.limit:
            return {"rates": rows, "next": last and cursor_after(last)}
        row["to_come"] = await arrivals.to_come(versions, cell, sums, span, today)
        rows.append(row)
        last = cell
    return {"rates": rows, "next": None}


def _compared(query: RatesQuery, asked: Span | None, today: date) -> Spans | None:
    """What the span asked for is compared with; an open one with nothing."""
    if query.window is not None:
        return spans_of(query.window, query.as_of or today)
    if asked is None or asked.first == date.min or asked.last == date.max:
        return None
    return Spans(asked, span_before(asked), span_a_year_before(asked))


def _rate_row(cell: Cell, sums: RunningSums, span: Span, compared: Spans | None, query: RatesQuery) -> Row | None:
    whole = sums.over(span)
    counts = chosen(whole, query.targeting)
    if not any(counts):
        return None
    earlier = {"before": compared.before, "year_before": compared.year_before} if compared else {}
    return {
        **head(cell, query.targeting),
        **days(span),
        **rated(counts),
        **beside(counts, query.targeting),
        "targeted_pass": whole.targeted_passed,
        "targeted_fail": whole.targeted_failed,
        "routine": rated_if_any(chosen(whole, "routine")),
        "targeted": rated_if_any(chosen(whole, "targeted")),
        "before": None,
        "year_before": None,
        **{
            name: rated_if_any(chosen(sums.over(other), query.targeting), other)
            for name, other in earlier.items()
            if other is not None
        },
    }


async def series_page(
    cache: CountsCache, arrivals: Arrivals, versions: Versions, query: SeriesQuery, today: date
) -> Row:
    """As `answers.SeriesPage`."""
    asked, last = query.span(today), None
    found: list[Row] = []
    async for cell, sums in cells_of(cache, query):
        periods = _periods(sums, asked, query)
        if not periods:
            continue
        if len(found) == query.limit:
            return {"series": found, "next": last and cursor_after(last)}
        points = [
            {
                **days(period),
                **rated(counts),
                **beside(counts, query.targeting),
                "to_come": await arrivals.to_come(versions, cell, sums, period, today),
            }
            for period, counts in periods
        ]
        found.append({**head(cell, query.targeting), "by": query.by, "points": points})
        last = cell
    return {"series": found, "next": None}


def _periods(sums: RunningSums, asked: Span | None, query: SeriesQuery) -> list[tuple[Span, Counts]]:
    span = closed(asked, sums)
    if span is None:
        return []
    return [
        (period, counts)
        for period, whole in by_period(sums, query.by, span)
        if any(counts := chosen(whole, query.targeting))
    ]


def closed(asked: Span | None, sums: RunningSums) -> Span | None:
    """The days asked for; an open end is the first or last day with counts. None where that leaves no day."""
    held = sums.span
    if held is None:
        return None
    first = held.first if asked is None or asked.first == date.min else asked.first
    last = held.last if asked is None or asked.last == date.max else asked.last
    return Span(first, last) if first <= last else None
