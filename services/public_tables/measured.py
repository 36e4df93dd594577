"""A failed item's result and limit as people write them, such as 0.31mg/kg and ≤0.2mg/kg, and back. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from schemas.results import Item
from schemas.verdicts import FailedItem
from services.importers.samr_cells import text as normal
from services.public_tables.columns import FailedLine

#: The result of an item of which a table says only that it failed.
FAILED = "不合格"
#: How a limit in words stands in an item's basis.
_LIMIT_WORDS = "标准值: "
_NOT_TO_BE_FOUND = "不得检出"
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_VALUE = re.compile(rf"({_NUMBER})\s*([^\s\d.,^×*±Ee+~～-][^\n]*)?")
_LIMIT = re.compile(rf"([≤≥])\s*({_NUMBER})\s*(\D.*)?")
_RANGE = re.compile(rf"({_NUMBER})\s*[~～]\s*({_NUMBER})\s*(\D.*)?")
#: Only so far from one that it can be read without.
_WITH_EXPONENT = re.compile(rf"{_NUMBER}[eE][+-]?\d")
_KIND_OF_SIGN = {"≤": "max", "≥": "min"}
_SIGN_OF_KIND = {kind: sign for sign, kind in _KIND_OF_SIGN.items()}


def line_of(item: FailedItem) -> FailedLine:
    """An item of a verdict, or of its mirror, as a line of the table."""
    value = None if item.value is None or item.value == FAILED else f"{_plain(item.value)}{item.unit or ''}"
    return FailedLine(item.item.strip() or item.item, normal(value), normal(_limit_of(item)))


def _limit_of(item: FailedItem) -> str | None:
    if item.basis is not None and _LIMIT_WORDS in item.basis:
        return str(item.basis).rpartition(_LIMIT_WORDS)[2]
    unit = item.unit or ""
    if item.limit_kind == "absent":
        return _NOT_TO_BE_FOUND
    if item.limit is None:
        return None
    if item.limit_kind == "range":
        return f"{_plain(item.limit_low)}~{_plain(item.limit)}{unit}"
    return f"{_SIGN_OF_KIND.get(item.limit_kind or 'max', '')}{_plain(item.limit)}{unit}"


def _plain(value: object) -> str:
    """A decimal without an exponent; a mirror has it as text, as its contract wrote it."""
    text = str(value)
    return f"{Decimal(text):f}" if _WITH_EXPONENT.fullmatch(text) else text


def item_of(line: FailedLine, portion: str) -> Item:
    """A line as a failed item of a report. What is no number in one unit is kept in the words of the table.

    Raises ValidationError where the contract refuses it.
    """
    value, unit = _value_and_unit(line.value)
    fields = _limit_fields(line.limit, unit)
    item = Item(item=line.item, portion=portion, value=value, unit=unit, verdict="fail", **fields)
    if normal(line_of_item(item).value) == line.value and line_of_item(item).limit == line.limit:
        return item
    words = None if line.limit is None else _LIMIT_WORDS + line.limit
    return Item(item=line.item, portion=portion, value=line.value or FAILED, basis=words, verdict="fail")


def line_of_item(item: Item) -> FailedLine:
    """The line of an item that failed, once its verdict is concluded."""
    return line_of(FailedItem(**{name: getattr(item, name) for name in FailedItem.model_fields}))


def _value_and_unit(value: str | None) -> tuple[Decimal | str, str | None]:
    found = _VALUE.fullmatch(value) if value is not None else None
    if found is None:
        return value or FAILED, None
    return Decimal(found[1]), found[2]


def _limit_fields(limit: str | None, unit: str | None) -> dict[str, Any]:
    if limit is None:
        return {}
    if limit == _NOT_TO_BE_FOUND:
        return {"limit_kind": "absent"}
    if (found := _LIMIT.fullmatch(limit)) and found[3] == unit:
        return {"limit": Decimal(found[2]), "limit_kind": _KIND_OF_SIGN[found[1]]}
    if (found := _RANGE.fullmatch(limit)) and found[3] == unit:
        low, high = Decimal(found[1]), Decimal(found[2])
        if low <= high:
            return {"limit": high, "limit_low": low, "limit_kind": "range"}
    return {"basis": _LIMIT_WORDS + limit}
