"""Regions, enterprises and kinds of failure."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.regions import check_region, roll_up
from schemas.values import Party, measure_of
from schemas.verdicts import FailedItem


@pytest.mark.parametrize(
    ("region", "levels"),
    [
        ("621002", ("62", "6210", "621002", None)),
        ("621002101", ("62", "6210", "621002", "621002101")),
        ("621002101001", ("62", "6210", "621002", "621002101")),
        ("621000", ("62", "6210", None, None)),
        ("620000", ("62", None, None, None)),
        ("441900003", ("44", "4419", None, "441900003")),
        ("US-IL", ("US-IL", None, None, None)),
        ("US-IL/Chicago/60609", ("US-IL", "US-IL/Chicago", "US-IL/Chicago/60609", None)),
        ("A/B/C/D", ("A", "A/B", "A/B/C", "A/B/C/D")),
    ],
)
def test_a_region_rolls_up(region: str, levels: tuple[str | None, ...]) -> None:
    assert tuple(roll_up(check_region(region))) == levels


@pytest.mark.parametrize(
    "region",
    [
        "62",
        "6210",
        "021002",
        "62100210",
        "A//B",
        "/A",
        "A/ ",
        "A/B/C/D/E",
        "621002\n",
        " A",
        "62/10",
        "62/x",
        "621002/x",
    ],
)
def test_a_region_that_is_neither_code_nor_path_is_refused(region: str) -> None:
    with pytest.raises(ValueError, match=r"a mainland region is|a region path has"):
        check_region(region)


def test_an_enterprise_is_known_by_its_licence_else_its_name() -> None:
    assert Party(name="甲", licence="91620000X").identity == "91620000X"
    assert Party(name="甲").identity == "甲"


@pytest.mark.parametrize(
    ("domain", "plan", "measure"),
    [
        ("food", "supervision", "qualification"),
        ("drug", "evaluation", "qualification"),
        ("food", "risk_monitoring", "problem"),
        ("food_rapid", "risk_monitoring", "suspicion"),
        ("food_rapid", "supervision", "suspicion"),
    ],
)
def test_kinds_of_failure_are_never_mixed(domain: str, plan: str, measure: str) -> None:
    assert measure_of(domain, plan) == measure


def test_a_failed_items_number_comes_back_as_a_decimal() -> None:
    failed = FailedItem(item="铅", value=Decimal("0.30"), limit=Decimal("0.2"))
    read = FailedItem.model_validate_json(failed.model_dump_json())
    assert isinstance(read.value, Decimal)
    assert str(read.value) == "0.30"
