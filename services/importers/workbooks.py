"""Workbooks to import, read row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.importers import NotThisFormat, to_the_end


def open_workbook(path: Path) -> Any:
    """The workbook, to be closed by the caller. Raises NotThisFormat where it is none, or damaged."""
    from openpyxl import load_workbook

    try:
        return load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # of what is damaged the library raises whatever comes of it
        raise NotThisFormat(f"{path.name} is not an xlsx workbook: {error}") from error


def rows_of(sheet: Any, path: Path) -> Iterator[tuple[Any, ...]]:
    """The values of the sheet's rows. Raises NotThisFormat where one can't be read."""
    # exporters write wrong dimensions, by which whole columns would be missed
    sheet.reset_dimensions()
    return to_the_end(sheet.iter_rows(values_only=True), path.name, damage=(Exception,))  # as above
