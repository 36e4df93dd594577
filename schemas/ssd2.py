"""EFSA SSD2 elements: which field of the contracts carries each, and in which catalogue its values are coded.

Codes are given for the closed vocabularies only. FoodEx2, PARAM, UNIT, SAMPNT and NUTS codes are assigned by whoever
reports to EFSA, since a name of a product, item or place does not determine them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from schemas.results import BELOW_LIMIT, Item
from schemas.values import ItemVerdict, Plan, Targeting

ResultType = Literal["VAL", "LOD", "LOQ", "BIN"]

#: RESEVAL: at or below the maximum permissible quantity, above it, not evaluated.
EVAL_CODE: Final[Mapping[ItemVerdict, str]] = {
    "pass": "J002A",
    "fail": "J003A",
    "inconclusive": "J029A",
    "untested": "J029A",
}
#: The way back. J029A does not say whether the item was measured: an item without a value was not.
VERDICT_OF_EVAL_CODE: Final[Mapping[str, ItemVerdict]] = {"J002A": "pass", "J003A": "fail", "J029A": "inconclusive"}
#: PRGTYP: every plan of the regulator is an official national programme.
PROG_TYPE: Final[Mapping[Plan, str]] = dict.fromkeys(
    ("supervision", "risk_monitoring", "evaluation", "special"), "K005A"
)
#: SAMPSTR: objective sampling, and selective sampling where the risk is known to be higher.
SAMP_STRATEGY: Final[Mapping[Targeting, str]] = {"routine": "ST10A", "targeted": "ST20A"}


class Ssd2Element(NamedTuple):
    """An element: its path in the contracts, EFSA's catalogue where it has one, and our values' codes if certain."""

    name: str
    path: str
    catalogue: str | None = None
    codes: Mapping[Any, str] | None = None


SSD2_ELEMENTS: Final = (
    Ssd2Element("sampId", "SampleTaken.sample_id"),
    Ssd2Element("progType", "SampleTaken.plan", "PRGTYP", PROG_TYPE),
    Ssd2Element("sampStrategy", "SampleTaken.targeting", "SAMPSTR", SAMP_STRATEGY),
    Ssd2Element("sampPoint", "SampleTaken.stage", "SAMPNT"),
    Ssd2Element("sampArea", "SampleTaken.region", "NUTS"),
    Ssd2Element("sampY", "SampleTaken.sampled_at"),
    Ssd2Element("sampM", "SampleTaken.sampled_at"),
    Ssd2Element("sampD", "SampleTaken.sampled_at"),
    Ssd2Element("sampMatCode", "SampleTaken.category", "FOODEX2"),
    Ssd2Element("sampMatText", "SampleTaken.product_name"),
    Ssd2Element("labId", "ResultReported.lab_id"),
    Ssd2Element("paramCode", "Item.item", "PARAM"),
    Ssd2Element("paramText", "Item.item"),
    Ssd2Element("anMethText", "Item.method"),
    Ssd2Element("resUnit", "Item.unit", "UNIT"),
    Ssd2Element("resLOD", "Item.lod"),
    Ssd2Element("resLOQ", "Item.loq"),
    Ssd2Element("resType", "Item.value", "VALTYP"),
    Ssd2Element("resVal", "Item.value"),
    Ssd2Element("evalLowLimit", "Item.limit"),
    Ssd2Element("evalHighLimit", "Item.limit"),
    Ssd2Element("evalCode", "Item.verdict", "RESEVAL", EVAL_CODE),
)


def result_of(item: Item) -> tuple[ResultType | None, Decimal | None]:
    """(resType, resVal) of an item; None where it was not tested. Words, such as 阴性, are a binary result."""
    if item.value is None:
        return None, None
    if isinstance(item.value, Decimal):
        return "VAL", item.value
    if item.value == "<LOQ":
        return "LOQ", None
    # laboratories also write the limit itself: <0.01
    return ("LOD" if item.value in BELOW_LIMIT or item.value.startswith("<") else "BIN"), None


def limits_of(item: Item) -> tuple[Decimal | None, Decimal | None]:
    """(evalLowLimit, evalHighLimit) of an item: SSD2 puts a single limit, maximum or minimum, into the low one."""
    if item.limit_low is not None and item.limit is not None:
        return item.limit_low, item.limit
    return (item.limit if item.limit is not None else item.limit_low), None
