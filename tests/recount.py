"""A recount of the files of real records by a program that shares no code with the project."""

from __future__ import annotations

from typing import Any

import polars as pl

from tests.imported import FILES

#: (area, category, month) -> passed, failed.
Table = dict[tuple[str, ...], tuple[int, int]]


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


#: The areas' prefix, and the columns of area, category, day and failure.
RECORDS = {
    "uk-pesticides": (
        "GB/UK/",
        ("postcode_area", "category", "sample_date", pl.col("n_exceed").cast(pl.Int64) > 0),
    ),
    "chicago": ("US-IL/Chicago/", ("Zip", "Facility_Type", "Inspection_Date", pl.col("Results") == "Fail")),
}


def differences(found: Table, wanted: Table) -> dict[tuple[str, ...], Any]:
    """What each says where they differ: found, wanted."""
    return {
        key: (found.get(key), wanted.get(key))
        for key in sorted({*found, *wanted}, key=str)
        if found.get(key) != wanted.get(key)
    }
