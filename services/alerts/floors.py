"""The floors of qualification rates, read from `floors.yaml`, and whether a rate lies under one."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.alerts import Severity
from schemas.qualification import Window
from schemas.values import Domain, Identifier, Plan
from services.alerts.checked_file import read_checked

DEFAULT_FILE: Final = Path(__file__).with_name("floors.yaml")


class BadFloors(ValueError):
    """The file does not say what floors have to say."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Floor(_Strict):
    """A floor for one window of every cell of a cut. least: how many samples a window needs to be judged."""

    id: Identifier
    domain: Domain
    plan: Plan
    cut: Literal["township", "county", "city"]
    window: Literal["7d", "30d", "90d", "365d", "ytd"]
    floor: float = Field(gt=0, lt=1)
    recovers_at: float | None = Field(None, lt=1)
    least: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _recovers_above(self) -> Self:
        if self.recovers_at is not None and self.recovers_at < self.floor:
            raise ValueError("recovers_at lies under the floor")
        return self


class _Grade(_Strict):
    under: float = Field(ge=0, lt=1)
    severity: Severity


class Floors(_Strict):
    """What the file says."""

    floors: tuple[Floor, ...]
    severity: tuple[_Grade, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        ids = [floor.id for floor in self.floors]
        if len(set(ids)) < len(ids):
            raise ValueError("two floors have one id")
        steps = [grade.under for grade in self.severity]
        if steps[0] != 0 or steps != sorted(set(steps)):
            raise ValueError("severity begins under 0.0, and each step lies lower than the one before")
        return self

    def of(self, domain: str, plan: str, cut: str) -> tuple[Floor, ...]:
        """The floors for cells of a cut."""
        return tuple(floor for floor in self.floors if (floor.domain, floor.plan, floor.cut) == (domain, plan, cut))


class Judgement(NamedTuple):
    """How a window stands to its floor: under it, back over it, or neither for sure."""

    standing: Literal["under", "over", "unsure"]
    severity: Severity | None = None


def judge(floors: Floors, floor: Floor, window: Window | None) -> Judgement:
    """How a window stands to its floor. With too few samples nothing is sure."""
    if window is None or window.passed + window.failed < floor.least:
        return Judgement("unsure")
    if window.high < floor.floor:
        under = floor.floor - window.high
        return Judgement("under", next(grade.severity for grade in reversed(floors.severity) if grade.under <= under))
    back = floor.floor if floor.recovers_at is None else floor.recovers_at
    return Judgement("over" if window.rate >= back else "unsure")


def load_floors(path: Path | str = DEFAULT_FILE) -> Floors:
    """Reads and checks the file; raises BadFloors, which names the place."""
    return read_checked(path, Floors, BadFloors)
