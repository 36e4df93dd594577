"""GET /hotspots: what may be asked, and the cells as rows, those of the most evidence first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, get_args

from redis.asyncio import Redis

from schemas.values import Domain, Plan
from services.alerts.hotspots import store
from services.alerts.hotspots.cell import Cell
from services.alerts.hotspots.funnel import overdispersion, z_scores
from services.alerts.hotspots.levels import Level, confirmation_threshold, evidence
from services.alerts.hotspots.standing import Standing
from services.lab_results.cuts import Cell as CellKey
from services.runtime.calendar import day_from_number
from services.runtime.parameters import BadParameter, limit_of

_LEVELS = (*get_args(Level), "none")
_CHOICES: dict[str, tuple[str, ...]] = {"domain": get_args(Domain), "plan": get_args(Plan), "level": _LEVELS}
_LIMIT = 100
#: Fewer cells, or cells of fewer units, say nothing of how cells differ.
_LEAST_CELLS, _LEAST_UNITS = 10, 5


async def hotspots(redis: Redis, parameters: Mapping[str, str]) -> dict[str, Any]:
    """The cells that agree with every parameter: domain, plan, cut, quarter, level; at most `limit`.

    Without a level: those that have one. Raises BadParameter.
    """
    limit = _check(parameters)
    model = await store.load_model(redis)
    active = model[1].active_cells if model is not None else 0
    rows = []
    standings = await store.all_standings(redis)
    for name, standing in standings.items():
        quarter, key = name.split("|", 1)
        cell = CellKey.parse(key)
        has = {"domain": cell.domain, "plan": cell.plan, "cut": cell.cut, "quarter": quarter}
        wanted = standing.level is not None if "level" not in parameters else parameters["level"] == _level(standing)
        if wanted and all(parameters.get(field, value) == value for field, value in has.items()):
            rows.append({**has, "cell": cell.value, **_row(standing)})
    rows.sort(key=lambda row: (-row["e_value"], row["quarter"], row["cell"]))
    return {
        "model": model[0].version if model is not None else None,
        "active_cells": active,
        "confirmed_from": confirmation_threshold(active) if active else None,
        "overdispersion": overdispersions(standings),
        "hotspots": rows[:limit],
    }


def overdispersions(standings: Mapping[str, Standing]) -> dict[str, float]:
    """phi by quarter|domain|plan|cut, over its cells of at least five units: 1 where they differ no more than chance
    has them, above where they differ by themselves, so that funnel limits widen by its root."""
    cells: dict[str, list[Cell]] = defaultdict(list)
    for name, standing in standings.items():
        if standing.cell.units >= _LEAST_UNITS:
            cells["|".join(name.split("|")[:4])].append(standing.cell)
    return {
        group: overdispersion(
            z_scores(
                [cell.failed for cell in found],
                [cell.units for cell in found],
                [cell.expected / cell.units for cell in found],
            )
        )
        for group, found in sorted(cells.items())
        if len(found) >= _LEAST_CELLS
    }


def _level(standing: Standing) -> str:
    return standing.level or "none"


def _row(standing: Standing) -> dict[str, Any]:
    cell = standing.cell
    return {
        "level": _level(standing),
        "e_value": evidence(standing.peak_evidence),
        "units": cell.units,
        "failed": cell.failed,
        "expected": cell.expected,
        "planned": standing.planned,
        "since": day_from_number(cell.since).isoformat() if cell.since else None,
        "area": standing.area,
        "model": standing.model,
        "without_history": standing.assumed,
        "ended": standing.ended,
    }


def _check(parameters: Mapping[str, str]) -> int | None:
    for name, value in parameters.items():
        if name in _CHOICES and value not in _CHOICES[name]:
            raise BadParameter(name, f"is {value!r}, not one of {', '.join(_CHOICES[name])}")
        if name not in (*_CHOICES, "cut", "quarter", "limit"):
            raise BadParameter(name, "is not a parameter of hotspots")
    return limit_of(parameters, _LIMIT)
