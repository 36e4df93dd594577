"""What a failed item is said to be: its class, how sure that is, and its value beside its limit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.verdicts import FailedItem
from services.alerts.escalation import DEFAULT_FILE, BadPolicy, load_policy
from services.alerts.excess import describe, ratio_of
from services.alerts.item_classes import CLASSES, ORDER, class_of, grade_of
from services.simulate import items as simulated


@pytest.mark.parametrize(
    ("item", "more", "expected"),
    [
        ("铅(以Pb计)", {}, ("heavy_metal", "table")),
        ("铅（以Pb计）", {}, ("heavy_metal", "table")),
        ("黄曲霉毒素B₁", {}, ("mycotoxin", "table")),
        ("脱氢乙酸及其钠盐(以脱氢乙酸计)", {}, ("additive", "table")),
        ("苯并[a]芘", {}, ("contaminant", "table")),
        ("氯霉素", {}, ("prohibited", "table")),
        ("孔雀石绿(快检)", {}, ("prohibited", "table")),
        ("孔雀石绿与隐色孔雀石绿之和", {}, ("prohibited", "rule")),
        ("肠炎沙门氏菌", {}, ("pathogen", "rule")),
        ("新异维甲磷", {}, ("pesticide_residue", "rule")),
        ("某某杆菌", {"unit": "/25g", "limit_kind": "absent"}, ("pathogen", "rule")),
        ("某某碱", {"unit": "μg/kg", "limit_kind": "absent"}, ("prohibited", "rule")),
        ("某某总数", {"unit": "CFU/g", "limit_kind": "max", "limit": 9}, ("hygiene", "rule")),
        ("新污染物", {"unit": "mg/kg", "limit_kind": "max", "limit": 9}, ("contaminant", "rule")),
        ("甜度", {"limit_kind": "min", "limit": 9}, ("quality", "rule")),
        ("甜度", {}, ("unclassified", "rule")),
        ("甜度", {"item_class": "taste"}, ("taste", "report")),
        ("铅", {"item_class": "quality"}, ("quality", "report")),
    ],
)
def test_classes(item: str, more: dict[str, Any], expected: tuple[str, str]) -> None:
    assert class_of(FailedItem(item=item, **more)) == expected


def test_grades_follow_the_design() -> None:
    urgent = {name for name, one in CLASSES.items() if (one.severity, one.urgency) == ("Extreme", "Immediate")}
    assert urgent == {"prohibited", "pathogen"}
    assert {grade_of(name).severity for name in ("pesticide_residue", "veterinary_residue", "heavy_metal")} == {
        "Severe"
    }
    assert {grade_of(name).severity for name in ("mycotoxin", "additive", "contaminant")} == {"Severe"}
    assert (grade_of("quality").severity, grade_of("labelling").severity) == ("Moderate", "Minor")
    assert grade_of("a class of next year") == grade_of("unclassified")
    severities = [CLASSES[name].severity for name in ORDER[:-1]]
    assert severities == sorted(severities, key=("Extreme", "Severe", "Moderate", "Minor").index)


def test_the_table_agrees_with_what_the_simulated_laboratories_say_of_grave_items() -> None:
    """An item that a laboratory reports with a class is in that class or one as grave when it comes without."""
    for panel in simulated.PANELS.values():
        for item in panel:
            said = grade_of(item.item_class)
            if said.severity == "Extreme":
                found = class_of(FailedItem(item=item.name, unit=item.fixed.get("unit"), limit_kind=item.kind))
                assert grade_of(found.name).severity in ("Extreme", "Severe"), item.name


@pytest.mark.parametrize(
    ("fields", "zh", "en"),
    [
        (
            {"value": "0.31", "unit": "mg/kg", "limit": "0.2", "limit_kind": "max"},
            "铅 0.31 mg/kg(限量 ≤0.2 mg/kg,为限量的 1.55 倍)",
            "铅 0.31 mg/kg (limit ≤ 0.2 mg/kg, 1.55 times the limit)",
        ),
        (
            {"value": "0.3", "limit": "0.1", "limit_kind": "max"},
            "铅 0.3(限量 ≤0.1,为限量的 3 倍)",
            "铅 0.3 (limit ≤ 0.1, 3 times the limit)",
        ),
        ({"value": "5E+6", "limit": "1E+4"}, "铅 5000000(限量 ≤10000,为限量的 500 倍)", None),
        (
            {"value": "2.1", "unit": "g/100g", "limit": "2.9", "limit_kind": "min"},
            "铅 2.1 g/100g(应 ≥2.9 g/100g,为其 72.4%)",
            "铅 2.1 g/100g (must be ≥ 2.9 g/100g, is 72.4 % of it)",
        ),
        (
            {"value": "49.1", "unit": "%vol", "limit": "53", "limit_low": "51", "limit_kind": "range"},
            "铅 49.1 %vol(应为 51~53 %vol)",
            "铅 49.1 %vol (must be 51 to 53 %vol)",
        ),
        (
            {"value": "检出", "unit": "/25g", "limit_kind": "absent"},
            "铅 检出 /25g(不得检出或使用)",
            "铅 检出 /25g (must be absent)",
        ),
        (
            {"value": "3.2", "unit": "μg/kg", "limit_kind": "absent"},
            "铅 3.2 μg/kg(不得检出或使用)",
            "铅 3.2 μg/kg (must be absent)",
        ),
        (
            {"value": "<LOD", "unit": "g/kg", "limit": "0.5", "limit_kind": "min"},
            "铅 低于检出限(<LOD)(应 ≥0.5 g/kg)",
            "铅 below the detection limit (<LOD) (must be ≥ 0.5 g/kg)",
        ),
        ({"value": "不符合", "unit": "mg"}, "铅 不符合", "铅 不符合"),
        ({"value": "0.5", "limit": "0", "limit_kind": "max"}, "铅 0.5(限量 ≤0)", None),
        ({"value": ">100", "limit": "10", "limit_kind": "max"}, "铅 >100(限量 ≤10)", None),
        ({}, "铅", "铅"),
    ],
)
def test_what_is_said_of_an_item(fields: dict[str, Any], zh: str, en: str | None) -> None:
    told = describe(FailedItem.model_validate({"item": "铅", **fields}))
    assert told[0] == zh
    assert en is None or told[1] == en


@given(st.decimals(0, 10**9, places=6), st.decimals(0, 10**9, places=6))
def test_a_ratio_is_the_quotient_to_three_digits(value: Decimal, limit: Decimal) -> None:
    told = ratio_of(value, limit)
    if limit == 0:
        assert told is None
    else:
        assert told is not None
        assert abs(Decimal(told) - value / limit) <= value / limit * Decimal("0.005")


_huge = st.builds("{}E{}".format, st.integers(1, 99), st.sampled_from([-(10**6), -999_999, 999_999, 10**6]))
_long = st.sampled_from(["9", "0.00", "-0.00"]).flatmap(lambda head: st.integers(1, 3000).map(lambda n: head + "7" * n))
_limits = st.none() | _huge | _long | st.sampled_from(["0", "0.2", "-1"])


@given(_huge | _long | st.sampled_from(["0.5", "0"]), _limits, _limits, st.sampled_from(["max", "min", "range"]))
def test_any_number_can_be_said_and_in_few_words(value: str, limit: str | None, low: str | None, kind: str) -> None:
    item = FailedItem.model_validate(
        {"item": "铅", "value": value, "limit": limit, "limit_low": low, "limit_kind": kind}
    )
    assert all(len(text) < 800 for text in describe(item))


def test_a_quotient_beyond_all_numbers_is_not_told() -> None:
    assert ratio_of(Decimal("1E+999999"), Decimal("0.01")) is None
    item = FailedItem(item="铅", value=Decimal("1E+999998"), limit=Decimal("2E+999998"), limit_kind="min")
    assert describe(item)[0] == "铅 1E+999998(应 ≥2E+999998)"
    assert describe(FailedItem(item="铅", value=Decimal("3" * 900), limit=Decimal("0.2"), limit_kind="max"))[0] == (
        f"铅 3.{'3' * 119}E+899(限量 ≤0.2,为限量的 1.67E+900 倍)"
    )


@given(
    st.text(max_size=300), st.none() | st.text(min_size=1, max_size=300), st.sampled_from(["max", "min", "range", "x"])
)
def test_whatever_a_laboratory_writes_can_be_said(value: str, unit: str | None, kind: str) -> None:
    item = FailedItem.model_construct(
        item="铅",
        value=value,
        unit=unit,
        limit=Decimal("NaN") if value == "" else Decimal(1),
        limit_low=None,
        limit_kind=kind,
    )
    assert all(len(text) < 1500 for text in describe(item))


def _policy(tmp_path: Path, change: Any) -> Path:
    body = yaml.safe_load(DEFAULT_FILE.read_text("utf-8"))
    change(body)
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(body), "utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda body: body["acknowledge_within"]["Severe"].pop("county"),
            "acknowledge_within.Severe gives county no time",
        ),
        (lambda body: body["acknowledge_within"]["Severe"].update(county="soon"), "acknowledge_within.Severe.county"),
        (lambda body: body["acknowledge_within"]["Severe"].update(village="1h"), "village"),
        (lambda body: body["acknowledgement_lasts"].pop("Minor"), "acknowledgement_lasts gives Minor no time"),
        (lambda body: body.update(lateness=[]), "lateness begins at 0h"),
        (lambda body: body["lateness"].reverse(), "lateness begins at 0h"),
        (lambda body: body.update(escalate=True), "escalate"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_by_name(tmp_path: Path, change: Any, told: str) -> None:
    with pytest.raises(BadPolicy, match=told):
        load_policy(_policy(tmp_path, change))


def test_a_policy_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"none\.yaml"):
        load_policy(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [", "utf-8")
    with pytest.raises(BadPolicy, match=r"bad\.yaml"):
        load_policy(tmp_path / "bad.yaml")
