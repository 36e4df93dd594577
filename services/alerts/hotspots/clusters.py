"""The night's spatial scan: counties next to each other in which more failed than elsewhere, by domain and plan."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from redis.asyncio import Redis

from schemas.hotspots import HotspotCluster
from schemas.structs import struct_of
from services.alerts.hotspots.scan import Cluster, scan
from services.lab_results.counts import total
from services.lab_results.counts_store import read_cells, read_daily
from services.lab_results.cuts import Cell

ClusterFacts: Any = struct_of(HotspotCluster)
DAYS = 90
#: A cluster that chance explains this often is not told.
_LARGEST_P = 0.05
_CUT = "county"
#: Fewer places have no shape to speak of.
_LEAST_PLACES = 5


class PlacesError(ValueError):
    """The file of places can't be used; says where and why."""


def read_places(path: Path) -> dict[str, tuple[float, float]]:
    """The coordinates of each county in the file; raises PlacesError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            return {row["county"]: (float(row["x"]), float(row["y"])) for row in csv.DictReader(lines)}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise PlacesError(f"{path}: {type(error).__name__}: {error}") from None


async def find_clusters(
    redis: Redis, domain: str, plan: str, places: Mapping[str, tuple[float, float]], today: date
) -> list[Any]:
    """The clusters of the days up to `today`, in their mirror, the likeliest first."""
    cells = [
        Cell(domain, plan, _CUT, value)
        for value in await read_cells(redis, f"{domain}|{plan}|{_CUT}")
        if value in places
    ]
    first = today - timedelta(days=DAYS - 1)
    counts = [total(daily, first, today) for daily in await read_daily(redis, cells)]
    seen = [(cell.value, one) for cell, one in zip(cells, counts, strict=True) if one.passed + one.failed]
    if len(seen) < _LEAST_PLACES:
        return []
    xy = np.array([places[name] for name, _ in seen])
    samples = np.array([one.passed + one.failed for _, one in seen])
    failures = np.array([one.failed for _, one in seen])
    # the same night gives the same p-values
    random = np.random.default_rng(today.toordinal())
    found = await asyncio.to_thread(scan, xy, samples, failures, random=random, model="bernoulli", share=0.5)
    names = [name for name, _ in seen]
    return [_facts(domain, plan, cluster, names) for cluster in found if (cluster.p_value or 1.0) <= _LARGEST_P]


def _facts(domain: str, plan: str, cluster: Cluster, names: list[str]) -> Any:
    return ClusterFacts(
        domain=domain,
        plan=plan,
        places=tuple(names[place] for place in cluster.places),
        observed=cluster.observed,
        expected=cluster.expected,
        p_value=cluster.p_value,
    )
