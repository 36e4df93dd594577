"""Simulated time: minutes of Asia/Shanghai since the first day, and how they are written down."""

from __future__ import annotations

from datetime import date, timedelta

DAY = 1440
YEAR = 365
#: The last reports of a year's samples are issued months after it ends.
_HORIZON = YEAR + 400
_BEFORE = 400
_UTC_OFFSET = 8 * 60
_SATURDAY = 5
_TIMES = tuple(f"T{minute // 60:02}:{minute % 60:02}:00" for minute in range(DAY))


class Clock:
    """Writes minutes since `start` as timestamps, and counts in working days.

    Working days are Monday to Friday: public holidays, which no rule can foretell, are left out.
    """

    def __init__(self, start: date) -> None:
        self.start = start
        self._days = tuple((start + timedelta(days=day)).isoformat() for day in range(-_BEFORE, _HORIZON))
        self._working = [day for day in range(_HORIZON) if self.weekday(day) < _SATURDAY]
        self._elapsed: list[int] = []
        for day in range(_HORIZON):
            earlier = self._elapsed[-1] if self._elapsed else 0
            self._elapsed.append(earlier + (self.weekday(day) < _SATURDAY))

    def weekday(self, day: int) -> int:
        """0 for a Monday."""
        return (self.start.weekday() + day) % 7

    def day(self, number: int) -> str:
        """The date of day `number` since the start, which may lie up to a year before it."""
        return self._days[number + _BEFORE]

    def number(self, day: date) -> int:
        """The day's number since the start."""
        return (day - self.start).days

    def local(self, minute: int) -> str:
        """A timestamp with the offset of Asia/Shanghai."""
        return f"{self._days[minute // DAY + _BEFORE]}{_TIMES[minute % DAY]}+08:00"

    def utc(self, minute: int) -> str:
        """The same moment in UTC, as some laboratories write it; before eight its date is the day before."""
        minute -= _UTC_OFFSET
        return f"{self._days[minute // DAY + _BEFORE]}{_TIMES[minute % DAY]}Z"

    def after_working_days(self, day: int, count: int) -> int:
        """The working day that comes `count` working days after `day`; `count` is at least 1."""
        return self._working[self._elapsed[day] + count - 1]

    def working_days(self, day: int, later: int) -> int:
        """How many working days lie after `day`, up to and including `later`."""
        return self._elapsed[later] - self._elapsed[day]
