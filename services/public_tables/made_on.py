"""The cell 生产日期/批号: a production date, a batch number, or both, in one text that can be read back."""

from __future__ import annotations

import re
from datetime import date

from services.importers import samr_cells

#: A day with its signs, or eight digits: fewer are a batch number. Years of former times are one as well.
_DATE = re.compile(r"(\d{8}|\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{4}年\d{1,2}月\d{1,2}日)(?=/|$)")
_EARLIEST = 1990


def write(production_date: date | None, batch: str | None) -> str | None:
    """The date, the batch, or both with a slash between; a batch number that begins with the date itself says both."""
    if production_date is None or batch is None:
        return batch if production_date is None else production_date.isoformat()
    return batch if _date_in(batch) == production_date else f"{production_date.isoformat()}/{batch}"


def read(cell: str) -> tuple[date | None, str | None]:
    """(production date, batch) such that `write` gives the cell again."""
    found = _date_in(cell)
    if found is None:
        return None, cell
    if cell == found.isoformat():
        return found, None
    batch = cell.removeprefix(f"{found.isoformat()}/")
    return (found, batch) if write(found, batch) == cell else (found, cell)


def _date_in(text: str) -> date | None:
    """The date that a text is, or that stands before a slash behind which more follows."""
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        moment = samr_cells.moment(found[1])
    except ValueError:
        return None
    return moment.date() if moment and moment.year >= _EARLIEST else None
