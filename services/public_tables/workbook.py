"""Writes a public table as a workbook of one sheet: a header, and a row a sample, every cell a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from services.public_tables import item_cells
from services.public_tables.columns import ANNOUNCEMENT, EMPTY, FAIL_COLUMNS, PASS_COLUMNS, PublicRow
from services.public_tables.xlsx_cells import escape

PASS_FILE, FAIL_FILE = "合格公示表.xlsx", "不合格公示表.xlsx"
#: What a sheet and a cell can hold; openpyxl cuts longer cells off without a word.
MOST_ROWS, MOST_CHARACTERS = 1_048_576, 32_767


class TooLarge(ValueError):
    """The table is larger than a workbook can be."""


def numbered(rows: Iterable[PublicRow]) -> list[PublicRow]:
    """The rows with their 序号, from 1."""
    return [replace(row, number=number) for number, row in enumerate(rows, 1)]


def write_tables(
    folder: Path, passed: Sequence[PublicRow], failed: Sequence[PublicRow], with_values: bool = False
) -> tuple[Path, Path]:
    """Writes both tables into the folder, which is made; returns where they are. Raises TooLarge."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = (folder / PASS_FILE, folder / FAIL_FILE)
    write_table(tables[0], PASS_COLUMNS, passed, with_values)
    write_table(tables[1], FAIL_COLUMNS, failed, with_values)
    return tables


def write_table(path: Path, columns: Mapping[str, str], rows: Sequence[PublicRow], with_values: bool = False) -> None:
    """Writes one table. `with_values`: 不合格项目 says item║result║limit instead of the item alone. Raises TooLarge."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    # once through beforehand: a workbook that is given up half-way is not closed cleanly
    for _ in _texts(path, columns, rows, with_values):
        pass

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(path.stem)
    sheet.freeze_panes = "A2"
    sheet.append(list(columns))
    for texts in _texts(path, columns, rows, with_values):
        cells = [WriteOnlyCell(sheet, text or None) for text in texts]
        for cell in cells:
            if cell.value is not None:
                # whatever a text looks like, =1+1 or #N/A, it is a text
                cell.data_type = "s"
        sheet.append(cells)
    part = path.with_name(path.name + ".part")
    workbook.save(part)
    part.replace(path)


def _texts(path: Path, columns: Mapping[str, str], rows: Sequence[PublicRow], with_values: bool) -> Iterator[list[str]]:
    if len(rows) >= MOST_ROWS:
        raise TooLarge(f"{path.name} would have more than {MOST_ROWS:,} rows: choose fewer days")
    for row in rows:
        texts = [_text(row, field, with_values) for field in columns.values()]
        for header, text in zip(columns, texts, strict=True):
            if len(text) > MOST_CHARACTERS:
                raise TooLarge(f"{row.sample_id}: {header} has more than {MOST_CHARACTERS:,} characters")
        yield texts


def _text(row: PublicRow, field: str, with_values: bool) -> str:
    value = getattr(row, field)
    if field == "items":
        value = item_cells.write(value, with_values)
    if value in (None, ""):
        return "" if field in ANNOUNCEMENT else EMPTY
    return escape(str(value))
