"""Weighs what Redis holds, by MEMORY USAGE: what a sample takes, and what a day of a cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any, cast

import numpy as np

from bench.observe import Observer
from services.runtime.packed_counts import KINDS, arrays_of
from services.runtime.stage import STATE_KEYS

_SCAN = 2000
#: What does not belong to samples: counts of cells, and what their rates rest on.
_OF_CELLS = ("lab:counts", "rates:")


async def weigh_samples(observer: Observer, samples: int) -> dict[str, Any]:
    """Bytes a sample, by kind of key: keys are ``sw:{stage:partition}:kind…``."""
    sizes: dict[str, int] = defaultdict(int)
    async for name, size in _keys(observer, STATE_KEYS):
        sizes[_kind(name)] += size
    by_sample = sum(size for kind, size in sizes.items() if not kind.startswith(_OF_CELLS))
    return {
        "bytes_per_sample": round(by_sample / samples, 1),
        "bytes_per_sample_by_kind": {kind: round(size / samples, 1) for kind, size in sorted(sizes.items())},
    }


async def weigh_cells(observer: Observer) -> dict[str, Any]:
    """Bytes a cell-day, which is one day of one cell: its counts lie in up to twelve parts, one a partition, of which
    those of a group of cells are one hash."""
    groups: dict[str, list[str]] = defaultdict(list)
    size, days, part_days, parts = 0, 0, 0, 0
    async for name, weight in _keys(observer, "sw:{lab:*}:counts:*"):
        groups[name.partition("}")[2]].append(name)
        size += weight
    for names in groups.values():
        cells: dict[bytes, list[Any]] = defaultdict(list)
        for name in names:
            held: dict[bytes, bytes] = await cast(Any, observer.redis.hgetall(name))
            for value, packed in held.items():
                cells[value].append(np.unique(arrays_of(packed)[0] // KINDS))
        parts += sum(map(len, cells.values()))
        part_days += sum(len(of_part) for of_cell in cells.values() for of_part in of_cell)
        days += sum(len(np.unique(np.concatenate(of_cell))) for of_cell in cells.values())
    return {
        "cell_days": days,
        "bytes_per_cell_day": round(size / max(1, days), 1),
        "bytes_per_cell_day_of_a_partition": round(size / max(1, part_days), 1),
        "days_per_part": round(part_days / max(1, parts), 2),
    }


def _kind(name: str) -> str:
    stage, _, rest = name.removeprefix("sw:{").partition(":")
    kind = rest.partition("}:")[2].split(":")[0]
    return f"{stage}:{kind}"


async def _keys(observer: Observer, pattern: str) -> AsyncIterator[tuple[str, int]]:
    """Every key of the pattern with its weight."""
    names = [key.decode() async for key in observer.redis.scan_iter(pattern, count=_SCAN)]
    for start in range(0, len(names), _SCAN):
        page = names[start : start + _SCAN]
        pipeline = observer.redis.pipeline(transaction=False)
        for name in page:
            pipeline.memory_usage(name, samples=0)
        for name, weight in zip(page, await pipeline.execute(), strict=True):
            yield name, weight or 0
