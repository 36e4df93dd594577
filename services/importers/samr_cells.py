"""Cells of the national export: text, numbers and dates as spreadsheets and people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from services.importers import SHANGHAI

#: How a form says that there is nothing to say.
_BLANK = frozenset({"", "/", "\\", "-", "--", "—", "——", "无", "None"})
#: A day with both of its signs, or eight digits: fewer may be a month, 2024-12 is not 2 January.
_DATE = re.compile(
    r"^(\d{4})(?:(\d{2})(\d{2})|[-/.年](\d{1,2})[-/.月](\d{1,2})日?)"
    r"(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?)?$"
)
#: Commas between thousands; elsewhere they part several values, as in 0,0,8,0,0.
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_LIMIT_SIGN = re.compile(r"^[≤≥<>=＜＞]+\s*")
_CODE = re.compile(r"^\d{6}(\d{3}|\d{6})?$")


def text(cell: object) -> str | None:
    """The cell's text, or None where it is blank. A number is written as the sheet shows it: 621002, not 621002.0."""
    if cell is None:
        return None
    if isinstance(cell, float):
        written = str(int(cell)) if cell.is_integer() else f"{Decimal(repr(cell)):f}"
    elif isinstance(cell, datetime):
        written = cell.isoformat(sep=" ")
    else:
        written = str(cell).strip()
    return None if written in _BLANK else written


def number(cell: object) -> Decimal | None:
    """The number in a cell. Raises ValueError for words."""
    written = text(cell)
    if written is None:
        return None
    try:
        found = Decimal(written.replace(",", "") if _THOUSANDS.fullmatch(written) else written)
    except InvalidOperation:
        raise ValueError(f"{written!r} is not a number") from None
    # Python reads 5_10 as 510
    if not found.is_finite() or "_" in written:
        raise ValueError(f"{written!r} is not a number")
    return found


def amount(cell: object) -> Decimal | None:
    """A quantity. Raises ValueError for words, zero and less."""
    found = number(cell)
    if found is not None and found <= 0:
        raise ValueError(f"{found} is no quantity")
    return found


def decimal_or_words(written: str | None) -> Decimal | str | None:
    """A measured value: a number where it is one."""
    try:
        return number(written)
    except ValueError:
        return written


def limit(cell: object) -> Decimal | str | None:
    """A limit: a number, with or without its sign, or the words that say it."""
    written = text(cell)
    if written is None:
        return None
    try:
        return number(_LIMIT_SIGN.sub("", written))
    except ValueError:
        return written


def moment(cell: object) -> datetime | None:
    """A time of Shanghai, midnight where only the day is given. Raises ValueError for anything else."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=SHANGHAI) if cell.tzinfo is None else cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day, tzinfo=SHANGHAI)
    written = text(cell)
    if written is None:
        return None
    found = _DATE.match(written)
    if found is None:
        raise ValueError(f"{written!r} is not a date")
    year, *day, hour, minute, second = (int(part or 0) for part in found.groups())
    month, day_of_month = day[:2] if day[0] else day[2:]
    try:
        return datetime(year, month, day_of_month, hour, minute, second, tzinfo=SHANGHAI)
    except ValueError as error:
        raise ValueError(f"{written!r} is not a date: {error}") from None


def region(levels: Iterable[str | None]) -> str | None:
    """Of province, city and county: the code where the deepest one given is one, else the path of the names."""
    given = [level for level in levels if level]
    if given and _CODE.match(given[-1]):
        return given[-1]
    return "/".join(level.replace("/", "／") for level in given) or None


def people(cell: object) -> tuple[str, ...]:
    """The names in a cell, however they are separated."""
    return tuple(name for name in re.split(r"[、,，;；/\s]+", text(cell) or "") if name)
