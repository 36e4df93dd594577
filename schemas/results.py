"""lab.results.v1: what laboratories report, and the rules by which a report is consistent (design, section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator

from schemas.events import Event
from schemas.values import Contract, Identifier, ItemVerdict, LimitKind, LongText, Outcome, Text, Timestamp

#: The spellings of "below the detection or quantification limit" that laboratories use.
BELOW_LIMIT = frozenset({"<LOD", "<LOQ", "ND", "N.D.", "未检出"})
#: Words by which programs say that they have no number; as a value they say nothing of the sample.
_NO_NUMBER = frozenset({"nan", "snan", "inf", "infinity"})


class Item(Contract):
    """One test item (检验项目) of a report, measured on one portion of the sample."""

    item: Text = Field(description="检验项目")
    method: Text | None = Field(None, description="检验依据")
    portion: Identifier = Field("test", description="which portion of the sample: test, backup, 1, 2, …")
    unit: Text | None = Field(None, description="结果单位")
    lod: Annotated[Decimal, Field(ge=0)] | None = Field(None, description="检出限")
    loq: Annotated[Decimal, Field(ge=0)] | None = Field(None, description="定量限")
    value: Annotated[Decimal | Text, Field(union_mode="left_to_right")] | None = Field(
        None, description="检验结果: a number, <LOD, <LOQ, or words; absent where the item was not tested"
    )
    limit: Decimal | None = Field(None, description="最大允许限, or the only limit there is")
    limit_low: Decimal | None = Field(None, description="最小允许限 of a range")
    limit_kind: LimitKind | None = None
    basis: Text | None = Field(None, description="判定依据")
    item_class: Identifier | None = Field(None, description="the class of item, such as pesticide_residue, where known")
    verdict: ItemVerdict = Field(description="结果判定")

    @field_validator("loq")
    @classmethod
    def _lod_not_above_loq(cls, loq: Decimal | None, info: ValidationInfo) -> Decimal | None:
        lod = info.data.get("lod")
        if loq is not None and lod is not None and lod > loq:
            raise ValueError("the detection limit is above the quantification limit")
        return loq

    @field_validator("value")
    @classmethod
    def _sound_number(cls, value: Decimal | str | None, info: ValidationInfo) -> Decimal | str | None:
        lod = info.data.get("lod")
        if lod is not None and isinstance(value, Decimal) and value < lod:
            raise ValueError("a value below the detection limit carries no number: report <LOD")
        if isinstance(value, str) and value.strip().lstrip("+-").lower() in _NO_NUMBER:
            raise ValueError("is not a number; leave it out where there is none")
        return value

    @field_validator("limit_kind")
    @classmethod
    def _range_has_both_ends(cls, kind: LimitKind | None, info: ValidationInfo) -> LimitKind | None:
        low, high = info.data.get("limit_low"), info.data.get("limit")
        if kind == "range" and (low is None or high is None or low > high):
            raise ValueError("a range needs limit_low and limit, in this order")
        if kind in ("max", "min") and high is None:
            raise ValueError(f"a {kind} limit needs a number in limit")
        return kind

    @field_validator("verdict")
    @classmethod
    def _untested_has_no_value(cls, verdict: ItemVerdict, info: ValidationInfo) -> ItemVerdict:
        if verdict == "untested" and info.data.get("value") is not None:
            raise ValueError("an item that was not tested has no value")
        if verdict in ("pass", "fail") and info.data.get("value", "") is None:
            raise ValueError(f"an item cannot {verdict} without a value")
        return verdict


def conclude(verdicts: Iterable[ItemVerdict]) -> Outcome:
    """The conclusion that follows from the items: one failure fails, one pass without failures passes."""
    seen = set(verdicts)
    if "fail" in seen:
        return "fail"
    return "pass" if "pass" in seen else "inconclusive"


class Report(Event):
    """What a first report, an amendment and a retest have in common."""

    report_no: Identifier = Field(description="报告书编号")
    revision: Annotated[int, Field(strict=True, ge=1, le=10_000)] = 1
    sample_id: Identifier = Field(description="抽样编号")
    lab_id: Identifier = Field(description="检验机构")
    received_at: Timestamp | None = Field(None, description="收检日期")
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    issued_at: Timestamp = Field(description="报告日期")
    items: Annotated[tuple[Item, ...], Field(max_length=2000)] = ()
    conclusion: Outcome = Field(
        description="结论: follows from the items where there are any; a failure names its item"
    )
    TIMES: ClassVar = ("received_at", "started_at", "finished_at", "issued_at")

    @field_validator("items")
    @classmethod
    def _one_result_per_item_and_portion(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        if len(items) > 1:
            seen = {(item.item, item.portion) for item in items}
            if len(seen) < len(items):
                raise ValueError("an item is reported twice for one portion")
        return items

    @field_validator("conclusion")
    @classmethod
    def _follows_from_items(cls, conclusion: Outcome, info: ValidationInfo) -> Outcome:
        if "items" not in info.data:
            return conclusion
        items = info.data["items"]
        if not items and conclusion == "fail":
            raise ValueError("a failure names the item that failed")
        if items and conclusion != (follows := conclude(item.verdict for item in items)):
            raise ValueError(f"contradicts the items, from which {follows} follows")
        return conclusion


class ResultReported(Report):
    """A first report."""

    type: Literal["ResultReported"] = "ResultReported"


class ResultAmended(Report):
    """A later revision of a report replaces the earlier ones."""

    type: Literal["ResultAmended"] = "ResultAmended"
    revision: Annotated[int, Field(strict=True, ge=2, le=10_000)]
    reason: LongText | None = None


class RetestReported(Report):
    """复检: counts in place of the report that it answers, and of no other; an inconclusive one replaces nothing."""

    type: Literal["RetestReported"] = "RetestReported"
    retest_of: Identifier = Field(description="the report_no that the retest answers; never its own")

    @field_validator("retest_of")
    @classmethod
    def _answers_another(cls, retest_of: str, info: ValidationInfo) -> str:
        if retest_of == info.data.get("report_no"):
            raise ValueError("is the retest's own report_no: a retest has one of its own, and answers another report")
        return retest_of


class ResultWithdrawn(Event):
    """The report no longer stands."""

    type: Literal["ResultWithdrawn"] = "ResultWithdrawn"
    report_no: Identifier
    revision: Annotated[int, Field(strict=True, ge=2, le=10_000)]
    sample_id: Identifier
    lab_id: Identifier
    withdrawn_at: Timestamp
    reason: LongText
    TIMES: ClassVar = ("withdrawn_at",)


ResultEvent = ResultReported | ResultAmended | ResultWithdrawn | RetestReported
RESULT_EVENT: TypeAdapter[ResultEvent] = TypeAdapter(Annotated[ResultEvent, Field(discriminator="type")])
