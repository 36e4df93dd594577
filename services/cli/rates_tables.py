"""Rates as tables for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Table(NamedTuple):
    """Columns, rows of texts, and what has to be said below: what the rates are rates of."""

    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


def rates(found: list[dict[str, Any]]) -> Table:
    """A row for each cell, with the rates of the window before and of a year before where there are any."""
    compared = [name for name in ("before", "year_before") if any(row[name] for row in found)]
    coming = any(row["to_come"] for row in found)
    days = _days(found)
    rows = [
        [
            *(row["domain"], row["plan"], row["cell"]),
            *_rated(row, days),
            *(_rate(row[name]) for name in compared),
            *([_to_come(row)] if coming else []),
        ]
        for row in found
    ]
    columns = [*_head(found), *_rated_columns(days), *(name.replace("_", " ") for name in compared)]
    if coming:
        columns.append("to come")
    return Table(columns, rows, _notes(found, days))


def series(found: list[dict[str, Any]]) -> Table:
    """A row for each cell and period."""
    coming = any(point["to_come"] for one in found for point in one["points"])
    rows = [
        [one["domain"], one["plan"], one["cell"], *_rated(point, None), *([_to_come(point)] if coming else [])]
        for one in found
        for point in one["points"]
    ]
    columns = [*_head(found), *_rated_columns(None), *(["to come"] if coming else [])]
    return Table(columns, rows, _notes(found, None))


def ranking(answer: dict[str, Any]) -> Table:
    """A row for each cell, and how it was ranked."""
    days = f"{answer['from']} to {answer['to']}"
    rows = [
        [str(cell["rank"]), cell["cell"], *_rated(cell, days), f"{cell['shrunken_rate']:.2%}"]
        for cell in answer["cells"]
    ]
    notes = _notes([answer], days)
    if prior := answer["prior"]:
        strength = f"the prior counts for {prior['strength']:,.0f} samples at {prior['mean']:.2%}"
        notes.append(f"shrunken: {answer['method']}; {strength}")
    return Table(["rank", answer["cut"], *_rated_columns(days), "shrunken"], rows, notes)


def _head(found: list[dict[str, Any]]) -> list[str]:
    return ["domain", "plan", found[0]["cut"] if found else "cell"]


def _days(found: list[dict[str, Any]]) -> str | None:
    """The days that all rows share; None where they do not."""
    days = {f"{row['from']} to {row['to']}" for row in found}
    return days.pop() if len(days) == 1 else None


def _rated_columns(days: str | None) -> list[str]:
    return [*([] if days else ["days"]), "pass", "fail", "rate", "95 % interval"]


def _rated(row: dict[str, Any], days: str | None) -> list[str]:
    interval = "" if row["rate"] is None else f"{row['low']:.2%} to {row['high']:.2%}"
    own_days = [] if days else [f"{row['from']} to {row['to']}"]
    return [*own_days, f"{row['pass']:,}", f"{row['fail']:,}", _rate(row), interval]


def _rate(row: dict[str, Any] | None) -> str:
    return "" if row is None or row["rate"] is None else f"{row['rate']:.2%}"


def _to_come(row: dict[str, Any]) -> str:
    return "" if row["to_come"] is None else f"{row['to_come']:.0%}"


def _notes(found: Iterable[dict[str, Any]], days: str | None) -> list[str]:
    kinds = dict.fromkeys((row["measure"], row["denominator"]) for row in found)
    notes = [f"{measure} rate: the share that passed of {denominator}" for measure, denominator in kinds]
    return [*([f"days: {days}"] if days else []), *notes]
