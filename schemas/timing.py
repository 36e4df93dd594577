"""When an event's times are believable: not before the year 2000, not later than a day after its arrival."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from schemas.events import Event

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)
#: Clocks of laboratories run ahead, and reports are dated by the day.
TOLERANCE = timedelta(days=1)
#: Sources under this name are simulated: their year may lie in the future.
SYNTHETIC = "synthetic:"


def implausible_time(event: Event, source: str, arrived_at: datetime) -> tuple[str, str] | None:
    """(field, reason) of the first time that cannot be right, or None. `arrived_at` is the broker's own time.

    In a mirror of an event (`schemas.structs`) times are text.
    """
    latest = arrived_at + TOLERANCE
    for field in event.TIMES:
        value = getattr(event, field)
        if value is None:
            continue
        if isinstance(value, str):
            if _surely_believable(value, arrived_at):
                continue
            value = datetime.fromisoformat(value)
        if value < EARLIEST:
            return field, "lies before the year 2000"
        if value > LATEST:
            return field, "lies after the year 2999"
        if value > latest and not source.startswith(SYNTHETIC):
            return field, "lies in the future, more than a day after the event arrived"
    return None


def _surely_believable(text: str, arrived_at: datetime) -> bool:
    """Whether the day alone says so, as it does for nearly every time: east of Greenwich a day ends before its UTC day.

    `text` has the form 2026-03-01T08:00:00+08:00, or another, of which nothing is sure.
    """
    return len(text) == 25 and text[19] == "+" and "2000-01-02" < text[:10] <= _day(arrived_at)


@lru_cache(maxsize=4096)
def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
