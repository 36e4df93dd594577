"""The importer of the City of Chicago's inspections."""

from __future__ import annotations

from datetime import date

import pytest

from schemas.regions import roll_up
from services.importers import BadRow, Imported, NotThisFormat, chicago, describe

ROW = {
    "Inspection_ID": "529281",
    "License": "82474",
    "DBA_Name": "KEVIN'S",
    "Facility_Type": "Restaurant",
    "Zip": "60609",
    "Inspection_Date": "2011-09-02",
    "Inspection_Type": "Canvass",
    "Results": "Pass",
}


def imported(**changes: str) -> Imported:
    (found,) = chicago.events([{**ROW, **changes}])
    assert isinstance(found, Imported), found
    return found


@pytest.mark.parametrize(("results", "verdict"), [("Pass", "pass"), ("Pass w/ Conditions", "pass"), ("Fail", "fail")])
def test_one_inspection_is_one_sample_and_one_result(results: str, verdict: str) -> None:
    one = imported(Results=results)
    assert one.result is not None
    assert one.sample.sample_id == one.result.sample_id == "529281"
    assert (one.sample.domain, one.sample.plan, one.sample.region) == ("food", "supervision", "US-IL/Chicago/60609")
    assert one.sample.sampled_party is not None and one.sample.sampled_party.identity == "82474"
    (item,) = one.result.items
    assert (item.item, item.value, item.verdict) == ("Canvass inspection", results, verdict)
    assert item.item_class == "hygiene_inspection"
    assert one.result.conclusion == verdict
    assert one.result.issued_at.date() == date(2011, 9, 2)


@pytest.mark.parametrize(
    ("facility", "stage"),
    [
        ("Restaurant", "catering"),
        ("Long Term Care", "catering"),
        ("drug treatment facility", "catering"),
        ("", "catering"),
        ("Grocery Store", "circulation"),
        ("GROCERY/RESTAURANT", "circulation"),
        ("RESTAURANT/GROCERY STORE", "catering"),
        ("GAS STATION /GROCERY", "circulation"),
        ("Liquor", "circulation"),
        ("Wholesale", "production"),
        ("COMMISSARY FOR SOFT SERVE ICE CREAM TRUCKS", "production"),
        ("MEXICAN CANDY MAKER/STORE", "production"),
    ],
)
def test_the_main_business_decides_the_stage(facility: str, stage: str) -> None:
    assert imported(Facility_Type=facility).sample.stage == stage


def test_what_a_record_leaves_open() -> None:
    one = imported(Facility_Type="", Zip="NA", License="")
    assert one.sample.category == ("unspecified",)
    assert roll_up(one.sample.region).city == "US-IL/Chicago"
    assert one.sample.sampled_party is not None and one.sample.sampled_party.licence is None


def test_importing_again_gives_the_same_ids() -> None:
    assert imported() == imported()
    assert imported().sample.source == "import:chicago"
    assert str(imported().sample.event_id).startswith("sample:529281:")


def test_a_corrected_record_is_not_taken_for_a_repeat() -> None:
    before, after = imported(), imported(Results="Fail", Facility_Type="Bakery")
    assert before.result is not None and after.result is not None
    assert before.sample.event_id != after.sample.event_id
    assert before.result.event_id != after.result.event_id


def test_a_bad_row_is_named_and_the_rest_goes_on() -> None:
    found = list(chicago.events([{**ROW, "Inspection_Date": "soon"}, {**ROW, "DBA_Name": ""}, ROW]))
    assert [type(one) for one in found] == [BadRow, BadRow, Imported]
    assert isinstance(found[0], BadRow) and found[0].row == 2 and "soon" in found[0].reason
    assert describe(found) == {"samples": 1, "results": 1, "items": 1, "pass": 1, "fail": 0, "inconclusive": 0}


def test_another_file_is_refused(tmp_path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(NotThisFormat, match="Inspection_ID"):
        list(chicago.load(other))
