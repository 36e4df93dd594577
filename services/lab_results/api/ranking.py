"""The answer of /rates/ranking: the cells of a cut by their shrunken rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from schemas.values import measure_of
from services.lab_results.api.arrivals import Arrivals
from services.lab_results.api.counts_cache import CountsCache, Versions
from services.lab_results.api.cursors import cursor_of, key_of
from services.lab_results.api.denominators import denominator_of
from services.lab_results.api.listing import cells_of
from services.lab_results.api.pages import closed
from services.lab_results.api.parameters import RankingQuery
from services.lab_results.api.rows import Row, chosen, days, rated
from services.lab_results.counts import Counts
from services.lab_results.rates import Span
from services.lab_results.shrinkage import METHOD, Prior, fit_prior

#: What a cell is ranked by, the lowest first; its value, and its counts.
_Scored = tuple[float, str, Counts]


async def ranking_page(
    cache: CountsCache, _arrivals: Arrivals, versions: Versions, query: RankingQuery, today: date
) -> Row:
    """As `answers.RankingPage`. The prior is that of all cells of the cut, whichever page or cell is asked for."""
    asked = query.span(today)
    everything = query.model_copy(update={"cell": None, "cursor": None})
    spans, counted = [], []
    async for cell, sums in cells_of(cache, everything):
        span = closed(asked, sums)
        counts = chosen(sums.over(span), query.targeting) if span else Counts()
        if span and counts.passed + counts.failed:
            spans.append(span)
            counted.append((cell.value, counts))
    measure = measure_of(query.domain, query.plan)
    page: Row = {
        "cut": query.cut,
        "domain": query.domain,
        "plan": query.plan,
        "measure": measure,
        "targeting": query.targeting,
        "denominator": denominator_of(measure, query.targeting),
        **_days(spans),
        "order": query.order,
        "method": METHOD,
    }
    if not counted:
        return {**page, "prior": None, "cells": [], "next": None}
    prior = fit_prior([(counts.passed, counts.failed) for _, counts in counted])
    return {**page, "prior": _prior(prior, [counts for _, counts in counted]), **_cells(counted, prior, query)}


def _prior(prior: Prior, counted: list[Counts]) -> Row:
    samples = sum(counts.passed + counts.failed for counts in counted)
    return {
        **{"a": prior.a, "b": prior.b, "mean": prior.mean, "strength": prior.strength},
        **{"cells": len(counted), "samples": samples},
    }


def _cells(counted: list[tuple[str, Counts]], prior: Prior, query: RankingQuery) -> Row:
    sign = 1 if query.order == "lowest" else -1
    shrunken = ((sign * prior.shrink(counts.passed, counts.failed), value, counts) for value, counts in counted)
    ranked = list(_ranked(sorted(shrunken, key=lambda one: one[:2])))
    if query.cell is not None:
        ranked = [(rank, one) for rank, one in ranked if one[1] == query.cell]
    if query.cursor is not None:
        reached = key_of(query.cursor, float, str)
        ranked = [(rank, one) for rank, one in ranked if one[:2] > reached]
    rows = [
        {
            "rank": rank,
            "cell": value,
            **rated(counts),
            "shrunken_rate": sign * score,
            "weight": prior.weight(counts.passed, counts.failed),
        }
        for rank, (score, value, counts) in ranked[: query.limit]
    ]
    more = len(ranked) > query.limit
    return {"cells": rows, "next": cursor_of(ranked[query.limit - 1][1][:2]) if more else None}


def _ranked(ordered: Iterable[_Scored]) -> Iterator[tuple[int, _Scored]]:
    """Each with its rank, from 1; those of one rate share it, whichever comes first by name."""
    rank, score = 0, None
    for place, one in enumerate(ordered, 1):
        if one[0] != score:
            rank, score = place, one[0]
        yield rank, one


def _days(spans: list[Span]) -> Row:
    if not spans:
        return {"from": None, "to": None}
    return days(Span(min(span.first for span in spans), max(span.last for span in spans)))
