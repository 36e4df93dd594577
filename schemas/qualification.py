"""qualification.deltas.v1 and qualification.rates.v1: counts that verdicts move, and the rates that follow."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from schemas.values import Contract, Domain, Measure, Plan, Text

#: A cell's name on the topics and in the API: domain|plan|cut|value.
CellKey = Annotated[
    str, Field(pattern=r"^\w+\|\w+\|\w+\|[\s\S]+$", max_length=2600, examples=["food|supervision|county|621002"])
]


class DayCounts(Contract):
    """What to add to a cell on one day; negative where a correction takes a count away."""

    day: date
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    targeted_passed: int = Field(0, description="of passed, those of targeted sampling")
    targeted_failed: int = Field(0, description="of failed, those of targeted sampling")


class Delta(Contract):
    """The counts that one batch of one partition adds to a cell."""

    cell: CellKey
    partition: int
    version: int = Field(description="the batch: a higher version of one partition is later")
    days: tuple[DayCounts, ...]


class Window(Contract):
    """A rate over a span of days, both included, with its counts and the Wilson 95 % interval.

    rate = pass / (pass + fail); low and high bound it.
    """

    from_: date = Field(alias="from")
    to: date
    passed: int = Field(alias="pass")
    failed: int = Field(alias="fail")
    inconclusive: int = 0
    rate: float
    low: float
    high: float


class Rate(Contract):
    """A cell's rates in every window as of a day. A window without verdicts is absent, not zero."""

    cell: CellKey
    domain: Domain
    plan: Plan
    cut: Text
    value: Annotated[str, Field(min_length=1, max_length=2500)]
    measure: Measure
    as_of: date
    windows: dict[str, Window] = Field(description="by name: 7d, 30d, 90d, 365d, ytd, all")
