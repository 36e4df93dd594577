"""How much of the newest days is still to come, for the rates that reach into them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, timedelta

from redis.asyncio import Redis

from services.lab_results.api.counts_cache import Versions
from services.lab_results.completeness import LONGEST, arrived_shares, share_of_span_to_come
from services.lab_results.counts_store import read_delays
from services.lab_results.cuts import Cell
from services.lab_results.rates import RunningSums, Span
from services.runtime.calendar import day_from_number, day_number

#: The share of a day's results that has come, by the day's age; None of too few results.
Shares = tuple[float, ...] | None


class Arrivals:
    """The estimates of each domain and plan, made anew when a ledger or the day has moved."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._shares: dict[tuple[str, str], tuple[Versions, date, Shares]] = {}

    async def to_come(self, versions: Versions, cell: Cell, sums: RunningSums, span: Span, today: date) -> float | None:
        """The share of the span's results that is still to come as of today; None where it can't be estimated."""
        if span.last < today - timedelta(days=LONGEST):
            return 0.0
        shares = await self._of(versions, cell.domain, cell.plan, today)
        return None if shares is None else span_to_come(shares, sums, span, today)

    async def _of(self, versions: Versions, domain: str, plan: str, today: date) -> Shares:
        held = self._shares.get((domain, plan))
        if held is None or held[:2] != (versions, today):
            shares = arrived_shares(await read_delays(self._redis, domain, plan), today)
            held = self._shares[domain, plan] = (versions, today, shares)
        return held[2]


def span_to_come(shares: tuple[float, ...], sums: RunningSums, span: Span, today: date) -> float:
    """The share of the span's results still to come. Days of more than LONGEST days ago are taken for whole."""
    newest = max(span.first, today - timedelta(days=LONGEST))
    places = range(bisect_left(sums.days, day_number(newest)), bisect_right(sums.days, day_number(span.last)))
    days = [day_from_number(sums.days[place]) for place in places]
    daily = {day_number(day): _results(sums, Span(day, day)) for day in days}
    if span.first < newest:
        daily[day_number(newest) - 1] = _results(sums, Span(span.first, newest - timedelta(days=1)))
    return share_of_span_to_come(shares, daily, today)


def _results(sums: RunningSums, span: Span) -> int:
    counts = sums.over(span)
    return counts.passed + counts.failed + counts.inconclusive
