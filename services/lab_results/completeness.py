"""How much of the newest days has come in yet, estimated from how late results came before. Pure.

Results count on the day on which their first report was issued, and reach Kafka later: by hours, or by weeks. Of a day
that lies d days back, only results that were at most d days late can be there. The share F(d) that these are of all
is the product of 1 - g(k) over every longer delay k, where g(k) is the share that results k days late were among those
at most k days late, taken from days that lie at least k days back, so that both are whole. It is the reverse-time
hazard estimate of reporting delays (Kalbfleisch and Lawless, 1991; Lawless, 1994, "Adjustments for reporting delays
and the prediction of occurred but not reported events"), which uses the newest days as far as they are known, and does
not take their missing late results for an absence of late results.

Results more than LONGEST days late are not followed: they are imports and corrections of old records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from services.runtime.calendar import day_number

#: Delays are followed up to so many days.
LONGEST = 30
#: The estimate rests on so many days: long enough to be steady, short enough to follow a change of habits.
_DAYS = 90
#: Of fewer results, no estimate is made.
_FEWEST = 30

#: How many results came so many days late: delay in days -> number of the day on which they count -> results.
Delays = Mapping[int, Mapping[int, int]]


def arrived_shares(delays: Delays, as_of: date) -> tuple[float, ...] | None:
    """The share of a day's results that has come, by the day's age in days from 0 to LONGEST; None of too few results.

    A share is of results up to LONGEST days late, so the last is 1.
    """
    today = day_number(as_of)
    if sum(n for of_delay in delays.values() for day, n in of_delay.items() if today - _DAYS < day <= today) < _FEWEST:
        return None
    shares = [1.0]
    for delay in range(LONGEST, 0, -1):
        late = _in(delays.get(delay, {}), today, delay)
        by_then = sum(_in(of_delay, today, delay) for held, of_delay in delays.items() if held <= delay)
        shares.append(shares[-1] * (1 - late / by_then if by_then else 1.0))
    return tuple(reversed(shares))


def _in(of_delay: Mapping[int, int], today: int, age: int) -> int:
    return sum(n for day, n in of_delay.items() if today - _DAYS < day <= today - age)


def share_to_come(shares: tuple[float, ...], day: date, as_of: date) -> float:
    """The share of a day's results still to come as of a day; 0 of days long past, and of days yet to be all of it."""
    age = (as_of - day).days
    return 1.0 if age < 0 else 1.0 - shares[min(age, LONGEST)]


def share_of_span_to_come(shares: tuple[float, ...], daily: Mapping[int, int], as_of: date) -> float:
    """The share still to come of all the days together; `daily` holds the results that have come, by day number."""
    today = day_number(as_of)
    come = expected = 0.0
    for day, n in daily.items():
        share = shares[min(max(today - day, 0), LONGEST)]
        if share > 0:
            come, expected = come + n, expected + n / share
    return 1 - come / expected if expected else 0.0
