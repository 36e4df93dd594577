"""GET /rates: what may be asked, and the answer as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from redis.asyncio import Redis

from schemas.values import Domain, Plan
from services.lab_results import store
from services.lab_results.counts import Counts, total
from services.lab_results.cuts import CUT_NAMES, Cell
from services.lab_results.rates import WINDOW_NAMES, Span, window_rate, window_span
from services.runtime.calendar import day_from_number
from services.runtime.parameters import BadParameter


@dataclass(frozen=True, slots=True)
class RatesQuery:
    """Which cells, over which days. Without days: all that have counts."""

    domains: tuple[str, ...]
    plans: tuple[str, ...]
    cut: str
    value: str | None = None
    span: Span | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str], today: date) -> RatesQuery:
        """Reads the request's parameters; raises BadParameter. `today` is the day that windows end on by default."""
        unknown = set(parameters) - {"domain", "plan", "cut", "cell", "from", "to", "window", "as_of"}
        if unknown:
            raise BadParameter(min(unknown), "is not a parameter of rates")
        return cls(
            domains=_choice(parameters, "domain", get_args(Domain)),
            plans=_choice(parameters, "plan", get_args(Plan)),
            cut=_choice(parameters, "cut", CUT_NAMES)[0] if "cut" in parameters else "all",
            value=parameters.get("cell"),
            span=_span(parameters, today),
        )


def _choice(parameters: Mapping[str, str], name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    if name not in parameters:
        return choices
    if parameters[name] not in choices:
        raise BadParameter(name, f"is {parameters[name]!r}, not one of {', '.join(choices)}")
    return (parameters[name],)


def _day(parameters: Mapping[str, str], name: str) -> date | None:
    if name not in parameters:
        return None
    try:
        return date.fromisoformat(parameters[name])
    except ValueError:
        raise BadParameter(name, f"is {parameters[name]!r}, not a date like 2026-03-01") from None


def _span(parameters: Mapping[str, str], today: date) -> Span | None:
    first, last, as_of = (_day(parameters, name) for name in ("from", "to", "as_of"))
    window = parameters.get("window")
    if window is None:
        if as_of is not None:
            raise BadParameter("as_of", "goes with a window")
        if first is None and last is None:
            return None
        if first and last and first > last:
            raise BadParameter("from", "is later than to")
        return Span(first or date.min, last or date.max)
    if first or last:
        raise BadParameter("window", "excludes from and to")
    if window not in WINDOW_NAMES:
        raise BadParameter("window", f"is {window!r}, not one of {', '.join(WINDOW_NAMES)}")
    return window_span(window, as_of or today)


async def rates(redis: Redis, query: RatesQuery) -> list[dict[str, Any]]:
    """A row for each cell that has counts in the span, in the order of domain, plan and cell."""
    cells = []
    for domain in query.domains:
        for plan in query.plans:
            for value in await store.read_cells(redis, f"{domain}|{plan}|{query.cut}"):
                if query.value in (None, value):
                    cells.append(Cell(domain, plan, query.cut, value))
    rows = (
        _row(cell, daily, query.span) for cell, daily in zip(cells, await store.read_daily(redis, cells), strict=True)
    )
    return [row for row in rows if row is not None]


def _row(cell: Cell, daily: Mapping[int, Counts], span: Span | None) -> dict[str, Any] | None:
    counts = total(daily, *span) if span else total(daily)
    if not any(counts):
        return None
    first, last = day_from_number(min(daily)), day_from_number(max(daily))
    if span:
        first, last = (first if span.first == date.min else span.first, last if span.last == date.max else span.last)
    window = window_rate(counts, Span(first, last))
    return {
        "cut": cell.cut,
        "cell": cell.value,
        "domain": cell.domain,
        "plan": cell.plan,
        "measure": cell.measure,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "pass": counts.passed,
        "fail": counts.failed,
        "inconclusive": counts.inconclusive,
        "targeted_pass": counts.targeted_passed,
        "targeted_fail": counts.targeted_failed,
        "rate": window and window.rate,
        "low": window and window.low,
        "high": window and window.high,
    }
