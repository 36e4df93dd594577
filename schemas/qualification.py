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
    revised: int = Field(0, description="samples whose verdict rests on more than its first report")


class Delta(Contract):
    """The counts that one batch of one partition adds to a cell. Without days: a rebuild has counted it anew."""

    cell: CellKey
    partition: int
    version: int = Field(description="the batch: a higher version of one partition is later")
    days: tuple[DayCounts, ...]


class Share(Contract):
    """Samples that passed and failed, with the passing share of the two and its Wilson 95 % interval."""

    passed: int = Field(alias="pass")
    failed: int = Field(alias="fail")
    rate: float = Field(description="pass / (pass + fail)")
    low: float
    high: float


class Earlier(Share):
    """The same of an earlier span of days, to compare with."""

    from_: date = Field(alias="from")
    to: date


class Window(Contract):
    """A rate over a span of days, both included, with its counts and the Wilson 95 % interval.

    rate = pass / (pass + fail); low and high bound it. What has no sample that passed or failed is absent.
    """

    from_: date = Field(alias="from")
    to: date
    passed: int = Field(alias="pass")
    failed: int = Field(alias="fail")
    inconclusive: int = Field(0, description="neither passed nor failed, and in no rate")
    rate: float
    low: float
    high: float
    revised: int = Field(0, description="samples whose verdict rests on more than its first report")
    routine: Share | None = Field(None, description="those of routine sampling; absent where all are")
    targeted: Share | None = Field(None, description="those of targeted sampling, which fails more often by design")
    before: Earlier | None = Field(None, description="as many days just before; for ytd see year_before")
    year_before: Earlier | None = Field(None, description="the same days a year before")


class Rate(Contract):
    """A cell's rates in every window as of a day. A window without verdicts is absent, not zero."""

    cell: CellKey
    domain: Domain
    plan: Plan
    cut: Text
    value: Annotated[str, Field(min_length=1, max_length=2500)]
    measure: Measure
    as_of: date
    holds_until: date | None = Field(
        None,
        description="as of any day up to this one the counts are the same, unless verdicts change; absent: for ever",
    )
    windows: dict[str, Window] = Field(description="by name: 7d, 30d, 90d, 365d, ytd, all")
