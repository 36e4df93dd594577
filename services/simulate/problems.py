"""Problems that a simulation injects and reports as ground truth, so that finding them can be tested."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

from services.simulate.misconduct import Misconduct
from services.simulate.producers import licence_of


@dataclass(frozen=True, slots=True)
class Hotspot:
    """The odds of failure rise by `odds_ratio` from `since` on, wherever all that is given of the rest applies."""

    kind: ClassVar[str] = "hotspot"
    domain: str
    odds_ratio: float
    since: date
    county: str | None = None
    category: tuple[str, ...] | None = None
    producer: str | None = None


@dataclass(frozen=True, slots=True)
class LateLaboratory:
    """A laboratory that issues this share of its reports so many working days after the deadline of 20."""

    kind: ClassVar[str] = "late_laboratory"
    lab_id: str
    share: float
    least_days: int
    most_days: int
    since: date


@dataclass(frozen=True, slots=True)
class NeverFailingLaboratory:
    """A laboratory that passes whatever it is sent."""

    kind: ClassVar[str] = "never_failing_laboratory"
    lab_id: str
    since: date


Problem = Hotspot | LateLaboratory | NeverFailingLaboratory | Misconduct


def usual_problems(start: date) -> tuple[Problem, ...]:
    """What is injected unless the caller says otherwise."""
    cake = ("糕点", "糕点", "糕点", "糕点")
    return (
        Hotspot("food", 5.0, start + timedelta(days=180), county="621026", category=("食用农产品",)),
        Hotspot("food", 5.0, start + timedelta(days=120), category=cake, producer=licence_of("food", cake, 0)),
        LateLaboratory("lab-qy3", 0.4, 1, 20, start + timedelta(days=90)),
        NeverFailingLaboratory("lab-qy6", start),
    )


def as_dict(problem: Problem) -> dict[str, Any]:
    """A problem with its parameters as a JSON object; what does not apply is left out."""
    members = {name: value for name, value in asdict(problem).items() if value is not None}
    return {"kind": problem.kind, **members, "since": problem.since.isoformat()}
