"""The national sampling system's export: a workbook with one row per sample and test item, in the sheet `data_1`.

Columns are known by the names of `schemas.mappings`; those it does not name are ignored, and most may be missing. A
sample and its report are read from the sample's first row, its items from all of its rows. Where one of its items or
its report cannot be read, the sample goes without a result: a report that lacks an item could conclude otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.mappings import SAMR_SHEET, column_key
from schemas.results import Item
from services.importers import BadRow, Found, Imported, Note, NotThisFormat
from services.importers.samr_records import item_of, result_of, sample_of
from services.importers.samr_row import Refused, Row
from services.importers.workbooks import open_workbook, rows_of

#: A title may stand above the header.
_HEADER_WITHIN = 10
_SAMPLE_ID = "抽样编号"


def events(rows: Iterable[Mapping[str, Any]], first_row: int = 2) -> Iterator[Found]:
    """A sample, and its result where it has one, for each 抽样编号; what could not be read, by row and column."""
    samples: dict[str, list[Row]] = {}
    for number, cells in enumerate(rows, first_row):
        row = Row(number, cells)
        if not row.cells:
            continue
        sample_id = row.text("SampleTaken.sample_id")
        if sample_id is None:
            yield BadRow(number, _SAMPLE_ID, "is missing")
        else:
            samples.setdefault(sample_id, []).append(row)
    notes: set[str] = set()
    for of_sample in samples.values():
        yield from _imported(of_sample, notes)
    yield from (Note(text) for text in sorted(notes))


def load(path: Path) -> Iterator[Found]:
    """The same from a workbook. Raises NotThisFormat where it has no such sheet or header."""
    workbook = open_workbook(path)
    try:
        if SAMR_SHEET not in workbook.sheetnames:
            raise NotThisFormat(f"{path.name} has no sheet {SAMR_SHEET}; it has {', '.join(workbook.sheetnames)}")
        yield from _from_table(rows_of(workbook[SAMR_SHEET], path), path.name)
    finally:
        workbook.close()


def _from_table(table: Iterator[tuple[Any, ...]], name: str) -> Iterator[Found]:
    for number, cells in enumerate(table, 1):
        header = [column_key(str(cell)) if cell is not None else "" for cell in cells]
        if _SAMPLE_ID in header:
            break
        if number == _HEADER_WITHIN:
            raise NotThisFormat(f"{name}: no column {_SAMPLE_ID} in the first {_HEADER_WITHIN} rows of {SAMR_SHEET}")
    else:
        raise NotThisFormat(f"{name}: no column {_SAMPLE_ID} in {SAMR_SHEET}")
    yield from events((dict(zip(header, row, strict=False)) for row in table), first_row=number + 1)


def _imported(rows: list[Row], notes: set[str]) -> Iterator[Found]:
    try:
        sample = sample_of(rows, notes)
    except (ValidationError, Refused) as error:
        yield _bad(rows[0], error)
        return
    items: list[Item] = []
    seen: set[tuple[tuple[str, str], ...]] = set()
    whole = True
    for row in rows:
        # an export that overlaps itself repeats whole rows
        content = tuple(sorted((column, str(cell)) for column, cell in row.cells.items()))
        if content in seen or row.text("Item.item") is None:
            continue
        seen.add(content)
        try:
            items.append(item_of(row, items, notes))
        except (ValidationError, Refused) as error:
            whole = False
            yield _bad(row, error)
    result = None
    if whole:
        try:
            result = result_of(rows[0], sample, tuple(items), notes)
        except (ValidationError, Refused) as error:
            yield _bad(rows[0], error)
    yield Imported(sample, result)


def _bad(row: Row, error: ValidationError | Refused) -> BadRow:
    if isinstance(error, Refused):
        return BadRow(row.number, error.column, error.reason)
    first = error.errors(include_url=False, include_context=False)[0]
    path = ".".join(str(step) for step in first["loc"])
    column = row.column_of(f"{error.title}.{path}")
    return BadRow(row.number, column or path, first["msg"].removeprefix("Value error, "))
