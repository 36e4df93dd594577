"""lab.verdicts.v1: a sample and its results joined, concluded, and revised as later reports come in."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from schemas.regions import Region
from schemas.values import (
    Contract,
    Domain,
    Identifier,
    Measure,
    Outcome,
    Party,
    Plan,
    Stage,
    Targeting,
    Text,
    Timestamp,
)

#: More events than any sample can have; what counts them stays below.
MOST_EVENTS = 10**9


class FailedItem(Contract):
    """An item that failed, as the deciding report gave it."""

    item: Text
    item_class: Identifier | None = None
    # left to right, as in Item: a decimal travels as text and must come back as a decimal
    value: Annotated[Decimal | str, Field(union_mode="left_to_right")] | None = None
    unit: Text | None = None
    limit: Decimal | None = None
    limit_low: Decimal | None = None
    limit_kind: str | None = None
    basis: Text | None = None


class Verdict(Contract):
    """The standing of one sample. A later message has a higher revision and replaces the earlier ones.

    `revision` counts the events about this sample and its results that led here, in whatever order they arrived. An
    event that changes nothing but this number is not followed by a message. `outcome` is absent where nothing stands
    any more: withdrawn, or the sample voided.
    """

    sample_id: Identifier
    revision: int = Field(ge=1, le=MOST_EVENTS)
    status: Literal["concluded", "revised", "withdrawn", "voided"]
    outcome: Outcome | None = None
    measure: Measure = Field(description="what a failure counts as: the three are never mixed")
    first_outcome: Outcome | None = Field(None, description="what the earliest report concluded; differs if overturned")
    counted_on: date | None = Field(None, description="the day of Asia/Shanghai whose counts this sample moves")
    concluded_at: Timestamp | None = Field(None, description="when the deciding report was issued")
    report_no: Identifier | None = None
    report_revision: int | None = None
    retest: bool = Field(False, description="whether the deciding report is a retest")
    lab_id: Identifier | None = None
    items: int = Field(ge=0, description="how many items the deciding report has")
    failed_items: tuple[FailedItem, ...] = Field(
        (), description="of all reports that count, each once: those of the deciding report, then the others"
    )
    domain: Domain
    plan: Plan
    targeting: Targeting
    category: tuple[Text, ...]
    product_name: Text
    producer: Party | None = None
    sampled_party: Party | None = None
    region: Region
    stage: Stage
    sampled_at: Timestamp
    source: Identifier = Field(description="who reported; for the simulator it says synthetic")
