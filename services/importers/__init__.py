"""Existing records as events: each importer turns rows into samples and results, and counts what it found.

Event ids and sources follow from the records alone, so that importing twice publishes duplicates and changes nothing.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import TextIO, TypeVar

from pydantic import ValidationError

from schemas.results import ResultReported
from schemas.sampling import SampleTaken

EventT = TypeVar("EventT", SampleTaken, ResultReported)
RowT = TypeVar("RowT")

_Errors = tuple[type[Exception], ...]
#: What reading a file of CSV raises where it is damaged.
_DAMAGE: _Errors = (csv.Error, EOFError, zlib.error)
#: The lab_id of records that name no laboratory.
UNNAMED_LAB = "unnamed"
#: Days are days of Asia/Shanghai, which has no summer time.
SHANGHAI = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Imported:
    """One sample with its result. result is None where the record has none that could be read."""

    sample: SampleTaken
    result: ResultReported | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be taken, or not whole. Row 1 is the header."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.column}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the reader of an import should know but that loses no record."""

    text: str


Found = Imported | BadRow | Note


class NotThisFormat(ValueError):
    """The file is not what the importer reads."""


def describe(found: Iterable[Found]) -> dict[str, int]:
    """How many samples, results and items there are, and how the results conclude."""
    counts: Counter[str] = Counter()
    for one in found:
        if isinstance(one, Imported):
            counts["samples"] += 1
            if one.result:
                counts["results"] += 1
                counts["items"] += len(one.result.items)
                counts[one.result.conclusion] += 1
    return {name: counts[name] for name in ("samples", "results", "items", "pass", "fail", "inconclusive")}


def read_csv(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, gzipped or not; cells that a row lacks at its end are empty. Raises NotThisFormat where
    one of `columns` is missing."""
    with _open(path) as file:
        reader = csv.DictReader(file, restval="")
        missing = [name for name in columns if name not in (_header(reader, path.name) or ())]
        if missing:
            raise NotThisFormat(f"{path.name} has no column {', '.join(missing)}")
        yield from to_the_end(reader, path.name)


def _header(reader: csv.DictReader[str], name: str) -> Sequence[str] | None:
    with _readable(name):
        return reader.fieldnames


def to_the_end(rows: Iterator[RowT], name: str, damage: _Errors = _DAMAGE) -> Iterator[RowT]:
    """The rows that a file of that name holds. Raises NotThisFormat where one can't be read, which `damage` says."""
    with _readable(name, damage):
        yield from rows


@contextmanager
def _readable(name: str, damage: _Errors = _DAMAGE) -> Iterator[None]:
    try:
        yield
    except damage as error:
        raise NotThisFormat(f"{name} can't be read to its end: {error}") from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def moment(day: str, hour: int) -> datetime:
    """An hour of a day in Shanghai: a record dated by the day alone counts on that day."""
    return datetime.combine(date.fromisoformat(day), time(hour), SHANGHAI)


def identified(kind: str, event: EventT, source: str) -> EventT:
    """The event with its source and an id that follows from its content: what has changed is not taken for a repeat."""
    digest = hashlib.sha256(event.model_dump_json(exclude_none=True).encode()).hexdigest()[:16]
    return event.model_copy(update={"source": source, "event_id": f"{kind}:{event.sample_id}:{digest}"})


def bad_row(row: int, error: ValueError | KeyError, columns: Mapping[str, str]) -> BadRow:
    """What is wrong with a row, naming the column that the refused field came from."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        path = [str(step) for step in first["loc"]]
        field = next((step for step in path if step in columns), ".".join(path))
        return BadRow(row, columns.get(field, field), first["msg"].removeprefix("Value error, "))
    return BadRow(row, "", str(error))
