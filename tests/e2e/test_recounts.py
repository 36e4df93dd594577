"""Counts of real records by the API are those of a recount of the files, by a program that shares no code with it."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from tests.e2e.test_imports import FILES, import_file
from tests.system import WAIT_S, System, embedded

pytestmark = pytest.mark.skipif(not all(path.exists() for path in FILES.values()), reason="the records are not there")

#: (area, category, month) -> passed, failed.
Table = dict[tuple[str, ...], tuple[int, int]]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with embedded(tmp_path_factory.mktemp("recounted")) as system:
        for name in FILES:
            import_file(system, name)
        system.wait_idle()
        yield system


def recount(name: str, area: str, category: str, day: str, failed: pl.Expr, *by: str) -> Table:
    """Of the file, by some of area, category and month."""
    rows = pl.read_csv(FILES[name], infer_schema_length=0)
    counted = (
        rows.with_columns(
            # four inspections have no postal area: they are in the city's counts alone
            area=pl.col(area).replace("NA", None),
            category=pl.col(category).fill_null("unspecified"),
            month=pl.col(day).str.slice(0, 7),
            failed=failed,
        )
        .filter(*[pl.col(one).is_not_null() for one in by])
        .group_by(by)
        .agg(passed=(~pl.col("failed")).sum(), failed=pl.col("failed").sum())
    )
    return {row[:-2]: row[-2:] for row in counted.iter_rows()}


def by_api(system: System, path: str, rows: str, **asked: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        words = urllib.parse.urlencode({"domain": "food", "plan": "supervision", **asked, **cursor})
        with urllib.request.urlopen(f"{system.services['lab_results'].http}{path}?{words}", timeout=WAIT_S) as answer:
            page = json.load(answer)
        found += page[rows]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


RECORDS = {
    "uk-pesticides": (
        "GB/UK/",
        ("postcode_area", "category", "sample_date", pl.col("n_exceed").cast(pl.Int64) > 0),
    ),
    "chicago": ("US-IL/Chicago/", ("Zip", "Facility_Type", "Inspection_Date", pl.col("Results") == "Fail")),
}


@pytest.mark.parametrize("name", RECORDS)
def test_by_area_category_and_month(imported: System, name: str) -> None:
    prefix, columns = RECORDS[name]
    found: Table = {}
    for one in by_api(imported, "/rates/series", "series", cut="county_category", by="month", limit="500"):
        if one["cell"].startswith(prefix):
            area, _, category = one["cell"].removeprefix(prefix).partition(" × ")
            for point in one["points"]:
                found[area, category, point["from"][:7]] = (point["pass"], point["fail"])
    assert len(found) > 1000
    assert differences(found, recount(name, *columns, "area", "category", "month")) == {}


@pytest.mark.parametrize("name", RECORDS)
def test_by_area_and_month(imported: System, name: str) -> None:
    prefix, columns = RECORDS[name]
    found = {
        (one["cell"].removeprefix(prefix), point["from"][:7]): (point["pass"], point["fail"])
        for one in by_api(imported, "/rates/series", "series", cut="county", by="month", limit="500")
        if one["cell"].startswith(prefix)
        for point in one["points"]
    }
    assert differences(found, recount(name, *columns, "area", "month")) == {}


def test_by_category(imported: System) -> None:
    """The categories of both files lie in one cut; none is in both."""
    found = {
        (row["cell"],): (row["pass"], row["fail"]) for row in by_api(imported, "/rates", "rates", cut="category_1")
    }
    wanted: Table = {}
    for name, (_, columns) in RECORDS.items():
        wanted |= recount(name, *columns, "category")
    assert differences(found, wanted) == {}


def differences(found: Table, wanted: Table) -> dict[tuple[str, ...], Any]:
    """What each says where they differ: found, wanted."""
    return {
        key: (found.get(key), wanted.get(key))
        for key in sorted({*found, *wanted}, key=str)
        if found.get(key) != wanted.get(key)
    }
