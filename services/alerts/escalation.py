"""The escalation policy, read from `escalation.yaml`: who answers by when, and what follows if nobody does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from schemas.alerts import Level, Severity, Urgency
from schemas.regions import roll_up
from services.alerts.checked_file import read_checked

#: The lowest first.
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
#: The gravest first.
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
DEFAULT_FILE: Final = Path(__file__).with_name("escalation.yaml")
_SPAN = re.compile(r"(\d{1,6})([mhd])")
_MILLISECONDS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


class BadPolicy(ValueError):
    """The file does not say what a policy has to say."""


def _span(value: object) -> int:
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is not a time such as 30m, 24h or 3d")
    return int(found[1]) * _MILLISECONDS[found[2]]


Span = Annotated[int, BeforeValidator(_span)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lateness(_Strict):
    """From `after` milliseconds past the deadline on, it is so grave."""

    after: Span
    severity: Severity


class Policy(_Strict):
    """What the file says; times in milliseconds."""

    acknowledge_within: Mapping[Severity, Mapping[Level, Span]]
    acknowledgement_lasts: Mapping[Severity, Span]
    act_within: Mapping[Urgency, Span] = {}
    lateness: tuple[Lateness, ...]
    contact: str | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for severity in SEVERITIES:
            spans = self.acknowledge_within.get(severity, {})
            missing = [level for level in LEVELS if not spans.get(level)]
            if missing:
                raise ValueError(f"acknowledge_within.{severity} gives {', '.join(missing)} no time")
            if not self.acknowledgement_lasts.get(severity):
                raise ValueError(f"acknowledgement_lasts gives {severity} no time")
        steps = [step.after for step in self.lateness]
        if not steps or steps[0] != 0 or steps != sorted(set(steps)):
            raise ValueError("lateness begins at 0h, and each step comes later than the one before")
        return self

    def severity_when_late(self, late: int) -> Severity:
        """How grave a deadline is that passed `late` milliseconds ago."""
        return next(step.severity for step in reversed(self.lateness) if step.after <= max(0, late))

    def next_lateness(self, late: int) -> int | None:
        """After how many milliseconds past the deadline it becomes graver; None once it can't."""
        return next((step.after for step in self.lateness if step.after > late), None)


def load_policy(path: Path | str = DEFAULT_FILE) -> Policy:
    """Reads and checks the file; raises BadPolicy, which names the place."""
    return read_checked(path, Policy, BadPolicy)


def first_level(region: str) -> Level:
    """The lowest level that the region names; the city where it names none."""
    return next(iter(_named(region)), "city")


def level_above(level: Level, region: str) -> Level | None:
    """The next level that the region names; None above the city."""
    above = LEVELS[LEVELS.index(level) + 1 :]
    return next((higher for higher in above if higher in _named(region)), None)


@lru_cache(maxsize=8192)
def _named(region: str) -> tuple[Level, ...]:
    places = roll_up(region)
    return tuple(level for level in LEVELS if getattr(places, level))
