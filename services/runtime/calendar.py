"""Days are days of Asia/Shanghai. The zone has had one offset since 1991, so a fixed one serves, and is fast."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
_LAST = datetime(9999, 12, 30, tzinfo=UTC).timestamp() * 1000
_EPOCH = date(1970, 1, 1).toordinal()


def day_of(moment: datetime) -> date:
    """The day of Asia/Shanghai on which `moment` falls."""
    return moment.astimezone(SHANGHAI).date()


def day_text(moment: str) -> str:
    """The day of Asia/Shanghai on which a moment in ISO 8601 falls, as ISO 8601."""
    return moment[:10] if moment.endswith("+08:00") else day_of(datetime.fromisoformat(moment)).isoformat()


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH


@lru_cache(maxsize=4096)
def number_of_day(day: str) -> int:
    """`day_number` of a day in ISO 8601."""
    return day_number(date.fromisoformat(day))


def day_from_number(number: int) -> date:
    """The inverse of `day_number`."""
    return date.fromordinal(number + _EPOCH)


@lru_cache(maxsize=4096)  # records that arrive together have one time
def moment_of(milliseconds: int) -> datetime:
    """A Kafka timestamp as a moment in UTC; one beyond the calendar is put at its end."""
    return datetime.fromtimestamp(min(max(milliseconds, 0), _LAST) / 1000, UTC)


@lru_cache(maxsize=4096)
def moment_text(milliseconds: int) -> str:
    """`moment_of` as ISO 8601."""
    return moment_of(milliseconds).isoformat()


@lru_cache(maxsize=4096)
def day_number_at(milliseconds: int) -> int:
    """The number of the day on which a Kafka timestamp falls."""
    return day_number(day_of(moment_of(milliseconds)))


def midnight_after(day: str) -> int:
    """When a day of Asia/Shanghai, in ISO 8601, ends: in milliseconds since the epoch."""
    return (number_of_day(day) * 24 + 16) * 3_600_000
