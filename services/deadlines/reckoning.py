"""When a period ends. Pure: the same rule, start and calendar give the same end.

Hours run from the start to the minute. In every other unit the day on which the period starts does not count, and the
period ends at 24:00, Asia/Shanghai, of its last day (Civil Code, articles 201 and 203; hours of business are not known
here). Months end on the day of the same number, or on the last of a month that has no such day (article 202). Where the
last day is a rest day, a row of the table says whether the period runs to the first working day after it.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from services.deadlines.table import Period, Rule
from services.deadlines.working_days import WorkingDays
from services.runtime.calendar import SHANGHAI, day_of

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_NONE = timedelta(0)


class Due(NamedTuple):
    """The end of a period.

    at: what happens at this moment is in time, later is late. near_at: when to warn; `at` where there is no warning.
    provisional: a year whose holidays are not announced was reckoned with weekends alone, so the end may still move.
    """

    at: datetime
    near_at: datetime
    provisional: bool


def due(rule: Rule, started_at: datetime, calendar: WorkingDays) -> Due:
    """When the period of `rule` ends that starts at `started_at`. Both moments are in Asia/Shanghai."""
    started_at = started_at.astimezone(SHANGHAI)
    if rule.unit == "hours":
        at = _full_minute(started_at + timedelta(hours=rule.amount))
        return Due(at, max(_near(rule.warn_before, at, calendar), started_at), False)
    whole = _in_days(rule, day_of(started_at), calendar)
    return whole if whole.near_at >= started_at else whole._replace(near_at=started_at)


def end_of(day: date) -> datetime:
    """24:00 of a day in Asia/Shanghai."""
    return datetime.combine(day + _DAY, time(), SHANGHAI)


@lru_cache(maxsize=65536)
def _in_days(rule: Rule, day: date, calendar: WorkingDays) -> Due:
    """The end of a period of days that starts on `day`: the same whatever the hour, but for the warning."""
    last, certain = _last_day(rule, day, calendar)
    at = end_of(last)
    return Due(at, _near(rule.warn_before, at, calendar), not certain)


def _last_day(rule: Rule, day: date, calendar: WorkingDays) -> tuple[date, bool]:
    if rule.unit == "working_days":
        return calendar.after(day, rule.amount)
    last = _months_after(day, rule.amount) if rule.unit == "months" else day + timedelta(days=rule.amount)
    return calendar.from_(last) if rule.ends_on_rest_day == "extends" else (last, True)


def _months_after(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _near(before: Period | None, at: datetime, calendar: WorkingDays) -> datetime:
    if before is None:
        return at
    if before.unit == "hours":
        return at - timedelta(hours=before.amount)
    if before.unit == "calendar_days":
        return at - timedelta(days=before.amount)
    # the beginning of the last so many working days
    return end_of(calendar.after(day_of(at), -before.amount)[0]) - _DAY


def _full_minute(moment: datetime) -> datetime:
    rest = timedelta(seconds=moment.second, microseconds=moment.microsecond)
    return moment if rest == _NONE else moment - rest + _MINUTE
