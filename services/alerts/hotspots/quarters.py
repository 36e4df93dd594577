"""Quarters of the year, the epochs of the detector. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from services.runtime.calendar import SHANGHAI

#: So long after its end a quarter still takes verdicts: reports are due 20 working days after receipt, retests follow.
SETTLING_DAYS = 60


def quarter_of(day: date) -> str:
    """Such as 2026Q4."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def number_of_quarter(quarter: str) -> int:
    """Counts quarters: a later one has the next number."""
    year, number = quarter.split("Q")
    return 4 * int(year) + int(number)


def first_day(quarter: str) -> date:
    """The quarter's first day."""
    year, number = quarter.split("Q")
    return date(int(year), 3 * int(number) - 2, 1)


def last_day(quarter: str) -> date:
    """The quarter's last day."""
    start = first_day(quarter)
    return date(start.year + (start.month == 10), (start.month + 2) % 12 + 1, 1) - timedelta(days=1)


def before(quarter: str) -> str:
    """The quarter before."""
    return quarter_of(first_day(quarter) - timedelta(days=1))


def after(quarter: str) -> str:
    """The quarter after."""
    return quarter_of(last_day(quarter) + timedelta(days=1))


def closes_on(quarter: str) -> date:
    """The day from which the quarter takes no more verdicts."""
    return last_day(quarter) + timedelta(days=1 + SETTLING_DAYS)


def next_moment(now_ms: int, at: time) -> int:
    """The next time of day `at` in Asia/Shanghai after `now_ms`, both in milliseconds since the epoch."""
    now = datetime.fromtimestamp(now_ms / 1000, SHANGHAI)
    moment = datetime.combine(now.date(), at, SHANGHAI)
    if moment <= now:
        moment += timedelta(days=1)
    return int(moment.timestamp() * 1000)
