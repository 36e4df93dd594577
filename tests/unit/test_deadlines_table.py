"""The statutory table: it says what design section 7 says, and what is wrong with one is told by rule and field."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from schemas.values import Plan
from services.deadlines import TableError, load_table
from services.deadlines.table import TABLE

#: rule: domain, amount, unit, article, confirmed; as design section 7 gives them.
DESIGN = {
    "food_sampling_records": ("food", 24, "months", "19", True),
    "food_sample_delivery": ("food", 5, "working_days", "20", True),
    "food_report": ("food", 20, "working_days", "24", True),
    "food_backup_after_pass": ("food", 3, "months", "25", True),
    "food_backup_after_fail": ("food", 6, "months", "25", True),
    "food_pass_reported": ("food", 7, "working_days", "26", False),
    "food_fail_reported": ("food", 2, "working_days", "26", False),
    "food_urgent_failure": ("food", 24, "hours", "待核对", False),
    "food_retest_application": ("food", 7, "working_days", "30", False),
    "food_retest_answer": ("food", 5, "working_days", "32", False),
    "food_backup_handover": ("food", 3, "working_days", "33", False),
    "food_retest_conclusion": ("food", 10, "working_days", "35", False),
    "food_disposal": ("food", 3, "months", "45", False),
    "food_recall_class_1": ("food", 24, "hours", "13", True),
    "food_recall_class_2": ("food", 48, "hours", "13", True),
    "food_recall_class_3": ("food", 72, "hours", "13", True),
    "rapid_test_retest_application": ("food_rapid", 4, "hours", "88", True),
    "farm_produce_retest_application": ("food", 5, "working_days", "51", True),
    "farm_produce_retest_result": ("food", 7, "working_days", "51", True),
    "drug_retest_application": ("drug", 7, "calendar_days", "待核对", True),
    "device_retest_application": ("medical_device", 7, "working_days", "75", True),
    "cosmetic_retest_application": ("cosmetic", 7, "working_days", "51", True),
    "product_retest_application": ("product", 15, "calendar_days", "15", True),
}


def test_the_table_says_what_the_design_says_and_nothing_else() -> None:
    table = load_table()
    found = {rule.id: (*rule.domains, rule.amount, rule.unit, rule.article, rule.confirmed) for rule in table.rules}
    assert found == DESIGN


SUPERVISION, DRUGS = ("supervision", "special"), ("supervision", "evaluation", "special")
FOR_ALL_PLANS = {
    *("food_sampling_records", "food_sample_delivery", "food_report", "food_urgent_failure"),
    *("food_backup_after_pass", "food_backup_after_fail", "rapid_test_retest_application"),
    *("food_recall_class_1", "food_recall_class_2", "food_recall_class_3"),
}


def test_what_the_law_says_of_supervision_sampling_is_for_no_other_plan() -> None:
    for rule in load_table().rules:
        held = DRUGS if rule.id == "drug_retest_application" else () if rule.id in FOR_ALL_PLANS else SUPERVISION
        assert rule.plans == held, rule.id
        for plan in get_args(Plan):
            assert rule.applies_to(rule.domains[0], plan, rule.categories or ("糕点",)) == (not held or plan in held)


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TABLE.read_text("utf-8"))
    return loaded


def row(of: dict[str, Any], rule: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in of["rules"] if row["id"] == rule)
    return found


def problems(path: Path, changed: dict[str, Any]) -> list[str]:
    path.write_text(yaml.safe_dump(changed, allow_unicode=True), "utf-8")
    with pytest.raises(TableError) as caught:
        load_table(path)
    return caught.value.problems


@pytest.mark.parametrize(
    ("rule", "change", "says"),
    [
        ("food_report", {"unit": "weeks"}, "food_report: unit: "),
        ("food_report", {"amount": -1}, "food_report: amount: "),
        ("food_report", {"starts": {"field": "SampleReceived.arrived"}}, "food_report: starts: SampleReceived.arrived"),
        ("food_report", {"starts": {"field": "SampleReceived.lab_id"}}, "food_report: starts: SampleReceived.lab_id"),
        ("food_report", {"starts": {}}, "food_report: starts: give either"),
        ("food_report", {"starts": {"field": "AlertEvent.raised_at"}}, "food_report: starts: the record of a sample"),
        ("food_report", {"colour": "red"}, "food_report: colour: "),
        ("food_report", {"plans": ["routine"]}, "food_report: plans.0: "),
        ("food_report", {"ends_on_rest_day": "stays"}, "food_report: ends_on_rest_day: means nothing"),
        ("food_disposal", {"ends_on_rest_day": None}, "food_disposal: ends_on_rest_day: is needed"),
        ("food_report", {"watched_by": "nobody"}, "food_report: watched_by: "),
        ("food_report", {"repealed_on": "2019-10-01"}, "food_report: repealed_on: "),
        ("food_report", {"in_force_from": "soon"}, "food_report: in_force_from: "),
        ("food_report", {"id": "food_sample_delivery"}, "food_sample_delivery: in_force_from: 2019-10-01 comes twice"),
    ],
)
def test_an_error_names_the_rule_and_the_field(tmp_path: Path, rule: str, change: dict[str, Any], says: str) -> None:
    changed = document()
    row(changed, rule).update(change)
    (problem,) = problems(tmp_path / "table.yaml", changed)
    assert problem.startswith(says)


def test_every_error_is_told_at_once(tmp_path: Path) -> None:
    changed = document()
    row(changed, "food_report")["unit"] = "weeks"
    del row(changed, "food_disposal")["law"]
    changed["rules"].append({"amount": 3})
    found = problems(tmp_path / "table.yaml", changed)
    assert {problem.split(":")[0] for problem in found} == {"food_report", "food_disposal", "rule number 24"}


@pytest.mark.parametrize("text", ["", "[]", "rules: 3", "rules: [", "dated: 2026-02-30\nrules: []"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(TableError):
        load_table(path)


def test_a_clock_runs_under_the_version_in_force_when_it_began(tmp_path: Path) -> None:
    changed = document()
    first = row(changed, "food_report")
    changed["rules"].append(first | {"amount": 15, "in_force_from": "2027-01-01"})
    changed["rules"].append(first | {"amount": 10, "in_force_from": "2028-01-01", "repealed_on": "2029-01-01"})
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump(changed, allow_unicode=True), "utf-8")
    table = load_table(path)

    def amount(day: str) -> int | None:
        found = table.version("food_report", datetime.fromisoformat(f"{day}+08:00"))
        return found and found.amount

    days = ["2019-09-30T23:59", "2019-10-01T00:00", "2026-12-31T23:59", "2027-01-01T00:00", "2028-06-01T00:00"]
    assert [amount(day) for day in days] == [None, 20, 20, 15, 10]
    assert amount("2029-01-01T00:00") is None
