"""EFSA SSD2: every element that is asked for is mapped, and codes, results and limits are right."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from schemas.results import Item
from schemas.ssd2 import (
    EVAL_CODE,
    PROG_TYPE,
    SAMP_STRATEGY,
    SSD2_ELEMENTS,
    VERDICT_OF_EVAL_CODE,
    limits_of,
    result_of,
)
from schemas.values import ItemVerdict, Plan, Targeting

SSD2_NAMES = [
    "sampId",
    "progType",
    "sampPoint",
    "sampArea",
    "sampMatCode",
    "paramCode",
    "resVal",
    "resUnit",
    "resLOD",
    "resLOQ",
    "evalLowLimit",
    "evalHighLimit",
    "evalCode",
    "sampY",
    "sampM",
    "sampD",
    "resType",
]


def test_every_required_ssd2_element_is_mapped_once() -> None:
    names = [element.name for element in SSD2_ELEMENTS]
    assert set(SSD2_NAMES) <= set(names)
    assert len(names) == len(set(names))


def test_ssd2_codes_cover_the_vocabularies() -> None:
    assert set(EVAL_CODE) == set(get_args(ItemVerdict))
    assert set(PROG_TYPE) == set(get_args(Plan))
    assert set(SAMP_STRATEGY) == set(get_args(Targeting))
    assert all(VERDICT_OF_EVAL_CODE[EVAL_CODE[verdict]] == verdict for verdict in ("pass", "fail", "inconclusive"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("0.03"), ("VAL", Decimal("0.03"))),
        ("<LOD", ("LOD", None)),
        ("未检出", ("LOD", None)),
        ("<0.01", ("LOD", None)),
        ("<LOQ", ("LOQ", None)),
        ("阴性", ("BIN", None)),
    ],
)
def test_ssd2_result_type(value: Decimal | str, expected: tuple[str, Decimal | None]) -> None:
    assert result_of(Item(item="毒死蜱", value=value, verdict="pass")) == expected


def test_ssd2_result_of_an_untested_item_is_empty() -> None:
    assert result_of(Item(item="毒死蜱", verdict="untested")) == (None, None)


def test_ssd2_puts_a_single_limit_into_the_low_one() -> None:
    single = Item(item="铅", value=1, limit=2, limit_kind="max", verdict="pass")
    both = Item(item="水分", value=5, limit_low=3, limit=8, limit_kind="range", verdict="pass")
    assert limits_of(single) == (2, None)
    assert limits_of(both) == (3, 8)
    assert limits_of(Item(item="毒死蜱", value=1, verdict="inconclusive")) == (None, None)
