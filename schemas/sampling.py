"""sampling.events.v1 and sampling.samples.v1: a sample's life up to the laboratory's door."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter, field_validator

from schemas.events import Event
from schemas.regions import Region
from schemas.values import (
    CategoryPath,
    Contract,
    Domain,
    Identifier,
    LongText,
    Party,
    Plan,
    Stage,
    Targeting,
    Text,
    Timestamp,
)


class SampleDescription(Contract):
    """What was taken, where, from whom and why: the fields of a sampling sheet."""

    sample_id: Identifier = Field(description="抽样编号")
    domain: Domain
    plan: Plan
    targeting: Targeting = "routine"
    task: Text | None = Field(None, description="任务来源: the programme that ordered the sample")
    category: Annotated[CategoryPath, Field(min_length=1, max_length=4, description="食品大类 down to 食品细类")]
    product_name: Text = Field(description="样品名称")
    brand: Text | None = Field(None, description="商标")
    specification: Text | None = Field(None, description="样品规格")
    batch: Text | None = Field(None, description="样品批号")
    production_date: date | None = Field(None, description="生产日期")
    producer: Party | None = Field(None, description="标称生产企业")
    sampled_party: Party | None = Field(None, description="被抽样单位")
    region: Region
    stage: Stage
    quantity: Annotated[Decimal, Field(gt=0)] | None = Field(None, description="抽样数量")
    quantity_unit: Text | None = None
    backup_quantity: Annotated[Decimal, Field(ge=0)] | None = Field(None, description="备样数量")
    sampled_at: Timestamp = Field(description="抽样时间")
    sampled_by: tuple[Text, ...] = Field((), description="抽样人员: at least two, or none where the record names none")
    linked_inspection: Identifier | None = Field(None, description="the routine inspection done on the same visit")
    imported_cold_chain: bool = False

    @field_validator("sampled_by")
    @classmethod
    def _two_samplers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) == 1:
            raise ValueError("a sample is taken by at least two people")
        return value


class SampleTaken(Event, SampleDescription):
    """A sample was taken on the spot."""

    type: Literal["SampleTaken"] = "SampleTaken"
    TIMES: ClassVar = ("sampled_at",)


class SampleReceived(Event):
    """The laboratory received the sample."""

    type: Literal["SampleReceived"] = "SampleReceived"
    sample_id: Identifier
    lab_id: Identifier
    received_at: Timestamp = Field(description="收检日期")
    condition: LongText | None = None
    TIMES: ClassVar = ("received_at",)


class SampleVoided(Event):
    """The sample does not count: lost, spoilt or taken by mistake."""

    type: Literal["SampleVoided"] = "SampleVoided"
    sample_id: Identifier
    voided_at: Timestamp
    reason: LongText
    TIMES: ClassVar = ("voided_at",)


class SampleRedacted(Event):
    """What names people is taken out of the sample's record as it stands: who took it, and the free text in it.

    It names nobody itself. What is said of the sample later stands as it is said.
    """

    type: Literal["SampleRedacted"] = "SampleRedacted"
    sample_id: Identifier
    by: Identifier = Field(description="who asked for it")
    at: Timestamp
    TIMES: ClassVar = ("at",)


SamplingEvent = SampleTaken | SampleReceived | SampleVoided | SampleRedacted
SAMPLING_EVENT: TypeAdapter[SamplingEvent] = TypeAdapter(Annotated[SamplingEvent, Field(discriminator="type")])


class Sample(SampleDescription):
    """sampling.samples.v1: the sample as it now stands. A later message has a higher revision and replaces it."""

    revision: int = Field(ge=1, le=10**9, description="how many events have made it what it is")
    status: Literal["taken", "received", "voided"]
    source: Identifier
    lab_id: Identifier | None = None
    received_at: Timestamp | None = None
    voided_at: Timestamp | None = None
    void_reason: LongText | None = None
