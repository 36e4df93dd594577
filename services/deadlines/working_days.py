"""Working days of the mainland: as the State Council announces them, year by year, and as an override file corrects.

In a year that is not announced yet only the weekends are known, and whoever reckons with it has to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import chinese_calendar
from pydantic import BaseModel, ConfigDict, ValidationError

from services.deadlines.reading import problems_of, read_yaml

_DAY = timedelta(days=1)
_PACKAGED = frozenset(day.year for day in chinese_calendar.holidays)


class CalendarError(ValueError):
    """The override file is wrong; the message names the field."""


class _Overrides(BaseModel):
    """The override file: days that differ from what the package says, and years that it announces in full."""

    model_config = ConfigDict(extra="forbid")

    announced_years: tuple[int, ...] = ()
    days: dict[date, Literal["working", "rest"]] = {}


class WorkingDays:
    """Which days are worked. `announced`: the years whose holidays are known; in others weekends alone are free.

    overrides: day -> whether it is worked, before anything else.
    """

    def __init__(self, announced: frozenset[int] = _PACKAGED, overrides: Mapping[date, bool] | None = None) -> None:
        self.announced = announced
        self._overrides = dict(overrides or {})
        self._steps: dict[tuple[date, int], tuple[date, bool]] = {}

    def works(self, day: date) -> bool:
        """Whether `day` is a working day, as far as is known."""
        if day in self._overrides:
            return self._overrides[day]
        if day.year in self.announced and day.year in _PACKAGED:
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < 5

    def knows(self, day: date) -> bool:
        """Whether it is announced if `day` is worked."""
        return day.year in self.announced or day in self._overrides

    def after(self, day: date, count: int) -> tuple[date, bool]:
        """The working day that lies `count` working days after `day`, negative: before; and whether that is certain.

        `day` itself does not count. With `count` 0 it is `day`.
        """
        found = self._steps.get((day, count))
        if found is None:
            if len(self._steps) > 20_000:
                self._steps.clear()
            found = self._steps[day, count] = self._walk(day, count)
        return found

    def _walk(self, day: date, count: int) -> tuple[date, bool]:
        step, left, certain = (_DAY if count > 0 else -_DAY), abs(count), True
        while left:
            day += step
            certain = certain and self.knows(day)
            left -= self.works(day)
        return day, certain

    def from_(self, day: date) -> tuple[date, bool]:
        """`day`, or the first working day after it; and whether that is certain."""
        return (day, self.knows(day)) if self.works(day) else self._next(day)

    def _next(self, day: date) -> tuple[date, bool]:
        following, certain = self.after(day, 1)
        return following, certain and self.knows(day)


def load_working_days(overrides: Path | None = None) -> WorkingDays:
    """The announced calendar with the corrections of an override file. Raises CalendarError, OSError."""
    if overrides is None:
        return WorkingDays()
    try:
        given = _Overrides.model_validate(read_yaml(overrides) or {})
    except ValidationError as error:
        raise CalendarError(f"{overrides}: {'; '.join(problems_of(error))}") from None
    except ValueError as error:
        raise CalendarError(f"{overrides}: {error}") from None
    days = {day: word == "working" for day, word in given.days.items()}
    return WorkingDays(_PACKAGED | frozenset(given.announced_years), days)
