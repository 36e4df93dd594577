"""One test for each rule of results, sampling and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.results import RESULT_EVENT, Item, ResultAmended, ResultReported, ResultWithdrawn, conclude
from schemas.sampling import SAMPLING_EVENT, SampleTaken
from schemas.timing import implausible_time
from schemas.writing import first_error

ARRIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def item(**fields: Any) -> dict[str, Any]:
    return {"item": "毒死蜱", "value": "0.03", "verdict": "pass", **fields}


def report(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    required = {"report_no": "R1", "sample_id": "S1", "lab_id": "L1", "issued_at": "2026-03-01T10:00:00+08:00"}
    return {"type": "ResultReported", **required, "items": list(items), "conclusion": "pass", **fields}


def taken(**fields: Any) -> dict[str, Any]:
    return {
        "type": "SampleTaken",
        "sample_id": "XBJ26620721002",
        "domain": "food",
        "plan": "supervision",
        "category": ["粮食加工品", "小麦粉"],
        "product_name": "小麦粉",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2026-03-01T10:00:00+08:00",
        **fields,
    }


def refused(body: dict[str, Any], reason: str) -> None:
    adapter = SAMPLING_EVENT if body.get("type", "").startswith("Sample") else RESULT_EVENT
    with pytest.raises(ValidationError, match=reason):
        adapter.validate_python(body)


@pytest.mark.parametrize("value", ["<LOD", "<LOQ", "未检出", "阴性", "0.030", 0.03, 3])
def test_a_value_is_a_number_or_words(value: object) -> None:
    read = Item.model_validate(item(value=value)).value
    assert isinstance(read, str if value in ("<LOD", "<LOQ", "未检出", "阴性") else Decimal)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lod": 1, "loq": "0.5"}, "detection limit is above the quantification limit"),
        ({"lod": "0.05"}, "report <LOD"),
        ({"lod": -1}, "greater than or equal to 0"),
        ({"limit_kind": "range", "limit": 3}, "needs limit_low and limit"),
        ({"limit_kind": "range", "limit_low": 4, "limit": 3}, "in this order"),
        ({"limit_kind": "max"}, "a max limit needs a number"),
        ({"limit_kind": "min"}, "a min limit needs a number"),
        ({"verdict": "untested"}, "not tested has no value"),
        ({"value": None}, "cannot pass without a value"),
        ({"value": None, "verdict": "fail"}, "cannot fail without a value"),
        ({"value": ""}, "at least 1 character"),
        ({"value": "NaN"}, "is not a number"),
        ({"value": "-Infinity"}, "is not a number"),
        ({"verdict": "maybe"}, "Input should be 'pass'"),
    ],
)
def test_an_inconsistent_item_is_refused(fields: dict[str, Any], reason: str) -> None:
    refused(report(item(**fields)), reason)


@pytest.mark.parametrize(
    "fields",
    [
        {"lod": "0.03", "loq": "0.03"},
        {"lod": "0.05", "value": "<LOD"},
        {"limit_kind": "range", "limit_low": 0, "limit": 1},
        {"limit_kind": "absent"},
        {"limit": 1},
        {"value": None, "verdict": "inconclusive"},
    ],
)
def test_a_consistent_item_is_taken(fields: dict[str, Any]) -> None:
    Item.model_validate(item(**fields))


def test_no_number_is_infinite_or_undefined() -> None:
    for value in ("NaN", "Infinity"):
        refused(report(item(limit=value)), "finite")


@pytest.mark.parametrize(
    ("verdicts", "conclusion"),
    [
        (["pass", "fail", "inconclusive"], "fail"),
        (["pass", "inconclusive"], "pass"),
        (["pass", "untested"], "pass"),
        (["inconclusive", "untested"], "inconclusive"),
        (["untested"], "inconclusive"),
        ([], "inconclusive"),
    ],
)
def test_the_conclusion_follows_from_the_items(verdicts: list[Any], conclusion: str) -> None:
    assert conclude(verdicts) == conclusion


def test_a_conclusion_against_the_items_is_refused() -> None:
    refused(report(item(), conclusion="fail"), "contradicts the items, from which pass follows")


def test_a_failure_names_its_item() -> None:
    refused(report(conclusion="fail"), "names the item that failed")
    ResultReported.model_validate(report(conclusion="pass"))


def test_a_retest_answers_another_report_than_itself() -> None:
    body = report(item(), type="RetestReported", retest_of="R1")
    with pytest.raises(ValidationError) as refusal:
        RESULT_EVENT.validate_python(body)
    assert first_error(refusal.value) == (
        "retest_of",
        "is the retest's own report_no: a retest has one of its own, and answers another report",
    )
    RESULT_EVENT.validate_python(body | {"retest_of": "R0"})


def test_an_item_is_reported_once_for_each_portion() -> None:
    refused(report(item(), item()), "reported twice for one portion")
    ResultReported.model_validate(report(item(), item(portion="backup")))


@pytest.mark.parametrize("contract", [ResultAmended, ResultWithdrawn])
def test_amendments_and_withdrawals_have_a_revision_after_the_first(contract: type[Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        contract.model_validate({"revision": 1})
    assert "greater_than_equal" in {error["type"] for error in refusal.value.errors()}


def test_a_sample_is_taken_by_two_people_or_the_record_names_none() -> None:
    refused(taken(sampled_by=["张三"]), "at least two people")
    assert SampleTaken.model_validate(taken(sampled_by=["张三", "李四"])).sampled_by == ("张三", "李四")
    assert SampleTaken.model_validate(taken()).sampled_by == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quantity": 0}, "greater than 0"),
        ({"backup_quantity": -1}, "greater than or equal to 0"),
        ({"category": []}, "at least 1 item"),
        ({"category": list("12345")}, "at most 4 items"),
        ({"sample_id": " padded "}, "match pattern"),
        ({"sample_id": ""}, "at least 1 character"),
        ({"sampled_at": "2026-03-01T10:00:00"}, "timezone"),
        ({"stage": "市场"}, "Input should be 'production'"),
        ({"region": "12345"}, "county code of 6 digits"),
    ],
)
def test_an_impossible_sample_is_refused(fields: dict[str, Any], reason: str) -> None:
    refused(taken(**fields), reason)


def test_a_category_may_be_text_with_slashes() -> None:
    assert SampleTaken.model_validate(taken(category="粮食加工品/小麦粉")).category == ("粮食加工品", "小麦粉")


def test_the_type_chooses_the_contract() -> None:
    assert isinstance(SAMPLING_EVENT.validate_python(taken()), SampleTaken)
    refused(report(type="ResultGuessed"), "does not match any of the expected tags")


def test_the_event_id_may_be_called_id() -> None:
    assert SampleTaken.model_validate(taken(id="e1")).event_id == "e1"


@pytest.mark.parametrize(
    ("issued", "source", "expected"),
    [
        (ARRIVED, "/lims", None),
        (ARRIVED + timedelta(hours=23), "/lims", None),
        (ARRIVED + timedelta(hours=25), "/lims", "future"),
        (ARRIVED + timedelta(days=900), "synthetic:qy", None),
        (datetime(1999, 12, 31, tzinfo=UTC), "/lims", "2000"),
        (datetime(1999, 12, 31, tzinfo=UTC), "synthetic:qy", "2000"),
    ],
)
def test_times_lie_between_2000_and_a_day_after_arrival(issued: datetime, source: str, expected: str | None) -> None:
    found = implausible_time(ResultReported.model_validate(report(item(), issued_at=issued)), source, ARRIVED)
    assert found is None if expected is None else found is not None and found[0] == "issued_at" and expected in found[1]


def test_every_time_of_an_event_is_checked() -> None:
    event = ResultReported.model_validate(report(item(), started_at="1970-01-01T00:00:00Z"))
    assert implausible_time(event, "/lims", ARRIVED) == ("started_at", "lies before the year 2000")
