"""Public tables of food sampling, 合格公示表 and 不合格公示表, from xlsx or csv: a row is a sample with its verdict.

A sheet with a column 不合格项目 lists failures, any other passes. What a table does not say is taken from `Unsaid`, or
derived as its fields tell, with a note: kind of food sampling, stage, laboratory, region and times.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.importers import BadRow, Found, Note, NotThisFormat, samr_cells, to_the_end
from services.importers.csv_text import csv_text
from services.importers.samr_public_columns import fields_of, puts_slashes
from services.importers.samr_public_events import Unsaid, imported
from services.importers.samr_row import Refused
from services.importers.workbooks import open_workbook, rows_of
from services.public_tables import item_cells
from services.public_tables.columns import FAIL_COLUMNS, PASS_COLUMNS, PublicRow
from services.public_tables.xlsx_cells import unescape

#: Titles may stand above the header.
_HEADER_WITHIN = 10
_NEEDED = ("sample_id", "product_name")
#: Texts that every sample has: 无 is a name there, and says nothing only elsewhere.
_NAMED = frozenset({"sample_id", "product_name", "category"})
#: Identifiers: a line break in one only wraps it.
_UNBROKEN = frozenset({"sample_id", "laboratory"})


#: What --format public-table takes for granted.
NOTHING_SAID = Unsaid()


@dataclass(frozen=True, slots=True)
class Numbered:
    """A row with its place in the file."""

    place: int
    row: PublicRow
    failed: bool


def load(path: Path, unsaid: Unsaid = NOTHING_SAID) -> Iterator[Found]:
    """A sample and its result for each row. Raises NotThisFormat where no sheet has such a header."""
    notes: set[str] = set()
    seen: dict[str, int] = {}
    for numbered in read_rows(path):
        if isinstance(numbered, BadRow):
            yield numbered
            continue
        first = seen.setdefault(numbered.row.sample_id, numbered.place)
        if first != numbered.place:
            yield BadRow(numbered.place, "抽样编号", f"{numbered.row.sample_id} stands in row {first} too")
            continue
        try:
            yield imported(numbered.row, numbered.failed, unsaid, notes)
        except Refused as error:
            yield BadRow(numbered.place, error.column, error.reason)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False)[0]
            path_of_field = ".".join(str(step) for step in wrong["loc"])
            yield BadRow(numbered.place, path_of_field, wrong["msg"].removeprefix("Value error, "))
    yield from (Note(text) for text in sorted(notes))


def read_rows(path: Path) -> Iterator[Numbered | BadRow]:
    """The rows of every sheet that is a public table, as they stand. Raises NotThisFormat where there is none."""
    tables = 0
    for sheet in _sheets(path):
        table = iter(enumerate(sheet, 1))
        header = _header(table)
        if header is not None:
            tables += 1
            yield from _rows(table, header)
    if not tables:
        raise NotThisFormat(f"{path.name}: no header with 抽样编号 and 食品名称 in the first {_HEADER_WITHIN} rows")


def _sheets(path: Path) -> Iterator[Iterable[Sequence[Any]]]:
    if path.suffix.lower() == ".csv":
        yield to_the_end(csv.reader(io.StringIO(csv_text(path.read_bytes()), newline="")), path.name)
        return
    workbook = open_workbook(path)
    try:
        for sheet in workbook.worksheets:
            yield rows_of(sheet, path)
    finally:
        workbook.close()


def _header(table: Iterator[tuple[int, Sequence[Any]]]) -> Sequence[Any] | None:
    for number, cells in table:
        if set(_NEEDED) <= set(fields_of(cells).values()):
            return cells
        if number == _HEADER_WITHIN:
            break
    return None


def _rows(table: Iterator[tuple[int, Sequence[Any]]], header: Sequence[Any]) -> Iterator[Numbered | BadRow]:
    fields, slashes = fields_of(header), puts_slashes(header)
    failed = "items" in fields.values()
    names = {field: name for name, field in (*PASS_COLUMNS.items(), *FAIL_COLUMNS.items())}
    for place, cells in table:
        said = {field: _text(field, cells[number]) for number, field in fields.items() if number < len(cells)}
        if not any(said.values()):
            continue
        missing = [field for field in (*_NEEDED, *(("items",) if failed else ())) if said.get(field) is None]
        if missing:
            # a footnote below the table fills one cell
            if sum(text is not None for text in said.values()) > 1:
                yield BadRow(place, names[missing[0]], "is missing")
            continue
        try:
            yield Numbered(place, _row(said, slashes), failed)
        except ValueError as error:
            yield BadRow(place, names["items"], str(error))


def _row(said: dict[str, str | None], slashes: bool) -> PublicRow:
    texts: dict[str, Any] = dict(said)
    texts["items"] = item_cells.read(texts["items"], slashes) if texts.get("items") else ()
    number = texts.get("number")
    texts["number"] = int(number) if number is not None and number.isdecimal() else None
    return PublicRow(**texts)


def _text(field: str, cell: object) -> str | None:
    if isinstance(cell, datetime):
        cell = cell.date().isoformat() if cell.time() == datetime.min.time() else cell
    named = isinstance(cell, str) and field in _NAMED
    text = str(cell).strip() or None if named else samr_cells.text(cell)
    if text is not None and field in _UNBROKEN:
        text = "".join(part.strip() for part in text.splitlines())
    return unescape(text) if text is not None else None
