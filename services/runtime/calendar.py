"""Days are days of Asia/Shanghai. The zone has had one offset since 1991, so a fixed one serves, and is fast."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
_EPOCH = date(1970, 1, 1).toordinal()


def day_of(moment: datetime) -> date:
    """The day of Asia/Shanghai on which `moment` falls."""
    return moment.astimezone(SHANGHAI).date()


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def day_from_number(number: int) -> date:
    """The inverse of `day_number`."""
    return date.fromordinal(number + _EPOCH)


def moment_of(milliseconds: int) -> datetime:
    """A Kafka timestamp as a moment in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
