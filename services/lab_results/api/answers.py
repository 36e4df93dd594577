"""The form of the answers, for the OpenAPI document and for whoever checks them. The pages write plain objects."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from schemas.values import Domain, Measure, Plan
from services.lab_results.api.parameters import Targeting
from services.lab_results.cut_filling import Status

_INCONCLUSIVE = "Neither pass nor fail, and in no rate; null where only routine or targeted samples are asked for."
_TO_COME = (
    "The share of all results of these days that is still to come as of today, estimated from how late results came "
    "in the last 90 days; null where they are too few."
)
_STATUS = "backfilling: the cut is new, and its counts are still being filled; live: they are whole."
_REVISED = "Samples whose verdict rests on more than its first report; null as `inconclusive` is."


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True, serialize_by_alias=True)


class Rated(Answer):
    """Counts with their rate, pass / samples, and its Wilson 95 % interval; null where there are no samples."""

    passed: int = Field(alias="pass")
    failed: int = Field(alias="fail")
    samples: int = Field(description="The denominator: pass + fail.")
    rate: float | None
    low: float | None
    high: float | None


class RatedDays(Rated):
    """The same over the days from `from` to `to`, both included."""

    from_: date = Field(alias="from")
    to: date


class CellOf(Answer):
    """Which cell is spoken of, and what its rates are rates of."""

    cut: str
    cell: str
    domain: Domain
    plan: Plan
    measure: Measure = Field(description="What a failure is: only that of `qualification` is 不合格.")
    targeting: Targeting
    denominator: str = Field(description="What `samples` counts.")


class RateRow(CellOf, RatedDays):
    """A cell's rate. Where the days are a window with both ends, so are the window before it and that of a year before,
    if anything passed or failed there."""

    inconclusive: int | None = Field(description=_INCONCLUSIVE)
    revised: int | None = Field(description=_REVISED)
    to_come: float | None = Field(description=_TO_COME)
    targeted_pass: int = Field(description="Of all that passed, those of targeted sampling.")
    targeted_fail: int
    routine: Rated | None = Field(description="Of routine sampling alone, where anything of it passed or failed.")
    targeted: Rated | None = Field(description="Of targeted sampling alone, where anything of it passed or failed.")
    before: RatedDays | None = Field(description="As many days just before; for ytd see year_before.")
    year_before: RatedDays | None = Field(description="The same days a year before.")


class RatesPage(Answer):
    """Cells in the order of domain, plan and cell; those without counts are absent."""

    status: Status = Field(description=_STATUS)
    rates: list[RateRow]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class Point(RatedDays):
    """A period of a series."""

    inconclusive: int | None = Field(description=_INCONCLUSIVE)
    revised: int | None = Field(description=_REVISED)
    to_come: float | None = Field(description=_TO_COME)


class Series(CellOf):
    """A cell's periods that have counts, in order; the others are absent, not zero."""

    by: str
    points: list[Point]


class SeriesPage(Answer):
    """Cells in the order of domain, plan and cell; those without counts are absent."""

    status: Status = Field(description=_STATUS)
    series: list[Series]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class RankedCell(Rated):
    """A cell in the ranking."""

    rank: int = Field(description="From 1; cells of the same shrunken rate share it, and as many ranks follow unused.")
    cell: str
    shrunken_rate: float = Field(description="(pass + a) / (samples + a + b)")
    weight: float = Field(description="The share of the cell's own rate in it: samples / (samples + a + b).")


class PriorOf(Answer):
    """Beta(a, b), estimated from all cells of the ranking."""

    a: float
    b: float
    mean: float = Field(description="The common rate: a / (a + b).")
    strength: float = Field(description="a + b: the number of samples that the prior counts for.")
    cells: int = Field(description="From so many cells.")
    samples: int = Field(description="From so many samples.")


class RankingPage(Answer):
    """The cells of a cut by their shrunken rates; those without samples are absent."""

    status: Status = Field(description=_STATUS)
    cut: str
    domain: Domain
    plan: Plan
    measure: Measure
    targeting: Targeting
    denominator: str
    from_: date | None = Field(alias="from", description="First day; null where there are no counts.")
    to: date | None
    order: str
    method: str
    prior: PriorOf | None = Field(description="Null where there are no cells.")
    cells: list[RankedCell]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class Problem(BaseModel):
    """Problem details of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    parameter: str | None = Field(None, description="Which parameter is meant.")
