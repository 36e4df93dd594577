"""The City of Chicago's food inspections: one inspection stands for one sample and one result.

This is outcome data of inspections, not of laboratory samples; "Pass w/ Conditions" is a pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from schemas.results import Item, ResultReported
from schemas.sampling import SampleTaken
from schemas.values import ItemVerdict, Party, Stage
from services.importers import Found, Imported, bad_row, identified, moment, read_csv

SOURCE = "import:chicago"
#: The inspections are the city's own.
LAB = "city-of-chicago"
CITY = "US-IL/Chicago"
UNSPECIFIED = "unspecified"

#: Column of each field that can be refused, for messages.
COLUMNS = {
    "sample_id": "Inspection_ID",
    "report_no": "Inspection_ID",
    "sampled_at": "Inspection_Date",
    "issued_at": "Inspection_Date",
    "category": "Facility_Type",
    "region": "Zip",
    "sampled_party": "DBA_Name",
    "product_name": "Inspection_Type",
    "items": "Results",
}
_NEEDED = ("Inspection_ID", "DBA_Name", "License", "Facility_Type", "Zip", "Inspection_Date", "Results")

_VERDICTS: Mapping[str, ItemVerdict] = {"Pass": "pass", "Pass w/ Conditions": "pass", "Fail": "fail"}

#: What a facility type says of the stage. The word that comes first in the text decides, since the inspectors put the
#: main business first: GROCERY/RESTAURANT is a shop, RESTAURANT/GROCERY STORE is not. Of words at one place, the
#: longer one. A facility without any of them serves food on the spot, as most do.
_WORDS: Mapping[Stage, tuple[str, ...]] = {
    "production": (
        *("candy maker", "commissary", "manufactur", "meat packing", "packaging", "paleteria", "repackaging"),
        *("slaughter", "smokehouse", "wholesale"),
    ),
    "circulation": (
        *("bakery", "butcher", "candy", "convenience", "convnience", "donut", "drug", "gas station", "grocery", "herb"),
        *("liquor", "live poultry", "market", "pharmacy", "retail", "storage", "store", "video", "warehouse"),
    ),
    "catering": (
        *("assisted living", "bar", "cafe", "catering", "children", "daycare", "deli", "diner", "drug treatment"),
        *("fast food", "hospital", "long term care", "nursing", "restaurant", "school", "tavern"),
    ),
}
_STAGE_OF_WORD = {word: stage for stage, words in _WORDS.items() for word in words}
_ANY_WORD = re.compile("|".join(sorted((rf"\b{re.escape(word)}" for word in _STAGE_OF_WORD), key=len, reverse=True)))


def stage_of(facility_type: str) -> Stage:
    """The stage at which a kind of facility stands."""
    found = _ANY_WORD.search(facility_type.lower())
    return _STAGE_OF_WORD[found.group()] if found else "catering"


def region_of(zip_code: str) -> str:
    """The city, and the postal area within it where the record has one."""
    return f"{CITY}/{zip_code}" if zip_code.isdigit() else CITY


def events(rows: Iterable[Mapping[str, str]]) -> Iterator[Found]:
    """A sample and a result for each inspection."""
    for number, row in enumerate(rows, 2):
        try:
            yield _event(row)
        except (ValidationError, ValueError) as error:
            yield bad_row(number, error, COLUMNS)


def load(path: Path) -> Iterator[Found]:
    """The same from a file."""
    return events(read_csv(path, _NEEDED))


def _event(row: Mapping[str, str]) -> Imported:
    inspection, results = row["Inspection_ID"], row["Results"]
    if results not in _VERDICTS:
        raise ValueError(f"Results: {results!r} is none of {', '.join(_VERDICTS)}")
    verdict = _VERDICTS[results]
    name = f"{row.get('Inspection_Type') or 'Canvass'} inspection"
    day = row["Inspection_Date"]
    sample = SampleTaken(
        sample_id=inspection,
        domain="food",
        plan="supervision",
        category=(row["Facility_Type"] or UNSPECIFIED,),
        product_name=name,
        sampled_party=Party(name=row["DBA_Name"], licence=row["License"] or None),
        region=region_of(row["Zip"]),
        stage=stage_of(row["Facility_Type"]),
        sampled_at=moment(day, 0),
    )
    result = ResultReported(
        report_no=inspection,
        sample_id=inspection,
        lab_id=LAB,
        issued_at=moment(day, 12),
        items=(Item(item=name, value=results, item_class="hygiene_inspection", verdict=verdict),),
        conclusion="fail" if verdict == "fail" else "pass",
    )
    return Imported(identified("sample", sample, SOURCE), identified("result", result, SOURCE))
