"""Counts the samples taken in a year, from the record of samples itself.

The rates know only samples with a verdict; a sample counts as taken on the day it was taken, whatever became of it,
unless it was voided. Days are days of Asia/Shanghai.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.sampling import Sample
from schemas.structs import struct_of
from schemas.timing import SYNTHETIC
from schemas.topics import SAMPLES
from services.lab_results.cut_config import Cut
from services.lab_results.cuts import Cells, Place, place_of
from services.reports.record import Record
from services.reports.year import CUTS, YearCounts
from services.runtime.calendar import day_text

SampleFacts = struct_of(
    Sample,
    only=(
        *("sample_id", "revision", "status", "domain", "plan", "targeting", "region", "category", "stage"),
        *("sampled_at", "source"),
    ),
)
_CELLS = Cells([Cut(name, (name,) if name != "all" else ()) for name in CUTS])


def count_taken(record: Record, years: Iterable[YearCounts]) -> None:
    """Adds the samples of each year to its counts."""
    by_year = {f"{counts.year:04}": counts for counts in years}
    last_days = {year: counts.span.last.isoformat() for year, counts in by_year.items()}
    keys: dict[Place, tuple[str, ...]] = {}

    def keep(sample: Any) -> tuple[str, tuple[str, ...], bool] | None:
        day = day_text(sample.sampled_at)
        year = day[:4]
        if sample.status == "voided" or year not in by_year or day > last_days[year]:
            return None
        place = place_of(sample)
        if place not in keys:
            keys[place] = tuple(keys_of(place))
        return year, keys[place], sample.source.startswith(SYNTHETIC)

    for partition in record.partitions(SAMPLES):
        for year, cells, synthetic in record.latest(SAMPLES, partition, SampleFacts, keep).values():
            counts = by_year[year]
            counts.synthetic = counts.synthetic or synthetic
            for key in cells:
                counts.taken[key] = counts.taken.get(key, 0) + 1


def keys_of(place: Place) -> list[str]:
    """The keys of the cells of a report that a sample of the place counts in, named as a verdict's are."""
    return [f"{group}|{value}" for group, value in _CELLS.of_place(place)]
