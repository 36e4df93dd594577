"""Where the model comes from: the counts that lab_results keeps, read at night."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any, get_args

from redis.asyncio import Redis

from schemas.hotspots import HotspotNode
from schemas.structs import struct_of
from schemas.values import Domain, Plan
from services.alerts.hotspots.clusters import find_clusters, read_places
from services.alerts.hotspots.config import Config
from services.alerts.hotspots.expected import GUARD_DAYS, MARGIN, TRAILING_DAYS, Path, Tally, fit
from services.alerts.hotspots.store import ModelFacts
from services.lab_results.counts import Counts, total
from services.lab_results.counts_store import read_cells, read_daily
from services.lab_results.cuts import CROSS, CUTS, LEVEL, Cell

NodeFacts: Any = struct_of(HotspotNode)
_GROUPS = [(domain, plan) for domain in get_args(Domain) for plan in get_args(Plan)]
_CUTS = {cut.name: cut for cut in CUTS}


async def fit_model(redis: Redis, config: Config, today: date) -> Any:
    """The model as of a day, in its mirror, from the trailing days less the guard; None where nothing was counted."""
    first, last = today - timedelta(days=TRAILING_DAYS), today - timedelta(days=GUARD_DAYS + 1)
    strata: dict[Path, Tally] = {}
    active = 0
    for domain, plan in _GROUPS:
        for cell, counts in await _counted(redis, domain, plan, config.strata, first, last):
            for targeting, tally in _tallies(counts).items():
                strata[domain, plan, targeting, *strata_levels(_CUTS[config.strata].by, cell.value)] = tally
        for cut in config.cuts:
            # all trailing days: what was sampled last month will be sampled again
            active += len(await _counted(redis, domain, plan, cut, first, today))
    if not any(tally.units for tally in strata.values()):
        return None
    model = await asyncio.to_thread(fit, strata, today.isoformat())
    clusters: list[Any] = []
    if config.places is not None:
        places = read_places(config.places)
        for domain, plan in _GROUPS:
            clusters += await find_clusters(redis, domain, plan, places, today)
    nodes = tuple(
        NodeFacts(path=path, units=node.tally.units, failed=node.tally.failed, probability=node.probability)
        for path, node in model.nodes.items()
    )
    return ModelFacts(
        version=model.version,
        first=first.isoformat(),
        last=last.isoformat(),
        active_cells=active,
        margin=MARGIN,
        strengths=model.strengths,
        nodes=nodes,
        clusters=tuple(clusters),
    )


async def _counted(
    redis: Redis, domain: str, plan: str, cut: str, first: date, last: date
) -> list[tuple[Cell, Counts]]:
    """The cells of a cut that something passed or failed in, with their counts over the days."""
    cells = [Cell(domain, plan, cut, value) for value in await read_cells(redis, f"{domain}|{plan}|{cut}")]
    found = []
    for start in range(0, len(cells), 1000):
        chunk = cells[start : start + 1000]
        for cell, daily in zip(chunk, await read_daily(redis, chunk), strict=True):
            counts = total(daily, first, last)
            if counts.passed + counts.failed:
                found.append((cell, counts))
    return found


def _tallies(counts: Counts) -> dict[str, Tally]:
    passed, failed = counts.targeted_passed, counts.targeted_failed
    return {
        "targeted": Tally(passed + failed, failed),
        "routine": Tally(counts.passed + counts.failed - passed - failed, counts.failed - failed),
    }


def strata_levels(by: tuple[str, ...], value: str) -> list[str]:
    """The path below domain, plan and targeting that the value of a cut by stage and a category stands for."""
    levels: list[str] = []
    for attribute, part in zip(by, value.split(CROSS) if len(by) > 1 else [value], strict=True):
        levels += part.split(LEVEL) if attribute.startswith("category_") else [part]
    return levels
