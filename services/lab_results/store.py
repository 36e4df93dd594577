"""The state of lab_results in Redis: dossiers by sample, and daily counts by cell.

A partition's dossiers are one hash. Its part of a cell's daily counts is a hash too, written in the same step as the
dossiers that moved it; a cell's counts are the sum over the partitions. So counts need no owner to be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from services.lab_results.counts import Counts, Increments, count_names, daily_counts
from services.lab_results.cuts import Cell
from services.lab_results.domain import Dossier
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, state_key

STAGE = "lab"


def dossiers_key(partition: int) -> str:
    """The hash that holds the dossiers of a partition's samples."""
    return state_key(STAGE, partition, "dossiers")


def cells_key(partition: int, group: str) -> str:
    """The set of the cells of a group that this partition has counts of; the counts are at this key and the cell."""
    return state_key(STAGE, partition, "cells", group)


async def load_dossiers(redis: Redis, partition: int, sample_ids: Iterable[str]) -> dict[str, Dossier]:
    """The dossiers of those samples of which there is one."""
    names = list(dict.fromkeys(sample_ids))
    if not names:
        return {}
    packed = await cast(Any, redis.hmget(dossiers_key(partition), names))
    return {name: unpack_dossier(value) for name, value in zip(names, packed, strict=True) if value is not None}


def add_counts(changes: Changes, partition: int, increments: Increments) -> None:
    """Adds the increments to the partition's part of the cells' counts."""
    for group, cells in increments.items():
        changes.add[cells_key(partition, group)] = cells


async def read_cells(redis: Redis, group: str) -> list[str]:
    """The values of all cells of a group (domain|plan|cut), sorted."""
    found: set[bytes] = set()
    for partition in range(PARTITIONS):
        found |= await cast(Any, redis.smembers(cells_key(partition, group)))
    return sorted(value.decode() for value in found)


async def read_daily(redis: Redis, cells: Sequence[Cell]) -> list[dict[int, Counts]]:
    """The daily counts of each cell, summed over the partitions."""
    pipeline = redis.pipeline(transaction=False)
    for cell in cells:
        for partition in range(PARTITIONS):
            pipeline.hgetall(f"{cells_key(partition, cell.group)}:{cell.value}")
    replies = await pipeline.execute() if cells else []
    return [
        daily_counts(
            (name.decode(), int(count)) for part in replies[start : start + PARTITIONS] for name, count in part.items()
        )
        for start in range(0, len(replies), PARTITIONS)
    ]


async def read_days(redis: Redis, wanted: Mapping[Cell, Iterable[int]]) -> dict[Cell, dict[int, Counts]]:
    """The counts of single days of cells, summed over the partitions; a day without counts is left out."""
    pipeline = redis.pipeline(transaction=False)
    names = {cell: [name for day in days for name in count_names(day)] for cell, days in wanted.items()}
    for cell, of_cell in names.items():
        for partition in range(PARTITIONS):
            pipeline.hmget(f"{cells_key(partition, cell.group)}:{cell.value}", of_cell)
    replies = iter(await pipeline.execute() if names else [])
    return {
        cell: daily_counts(
            (name, int(count))
            for _ in range(PARTITIONS)
            for name, count in zip(of_cell, next(replies), strict=True)
            if count is not None
        )
        for cell, of_cell in names.items()
    }


def pack_dossier(dossier: Dossier) -> bytes:
    """A dossier as msgpack; `unpack_dossier` is its inverse."""
    return _encode(dossier)


_encode = msgspec.msgpack.Encoder().encode
unpack_dossier = msgspec.msgpack.Decoder(Dossier).decode
