"""The daily counts of the cells in Redis.

A partition keeps its part of a cell's counts, written in the same step as the dossiers that moved it; a cell's counts
are the sum over the partitions. So counts need no owner to be right. The parts of a group of cells (domain|plan|cut)
are one hash for each partition: the cell's value, and its counts as `services/runtime/packed_counts.py` packs them.
Values lie there in GB 18030, in which a Chinese character takes two bytes instead of three: of cells with few days the
name is the largest part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Redis

from services.lab_results.counts import Counts, Increments, PackedIncrements, daily_counts
from services.lab_results.cuts import Cell
from services.lab_results.store import STAGE
from services.runtime.packed_counts import KINDS, add_packed
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, state_key

#: So many cells are asked for at once: a reply of some hundred kilobytes, after which others get their turn.
_CELLS_AT_ONCE = 250


def counts_key(partition: int, group: str) -> str:
    """The hash of a partition's part of the counts of a group's cells: cell's value -> packed counts."""
    return state_key(STAGE, partition, "counts", group)


def delays_key(partition: int, domain_and_plan: str) -> str:
    """The hash of how late results came: delay in days -> packed counts of the days on which they count."""
    return state_key(STAGE, partition, "delays", domain_and_plan)


def add_delays(changes: Changes, partition: int, delays: Increments) -> None:
    """Adds to how late results came, by domain|plan."""
    for domain_and_plan, by_delay in delays.items():
        changes.add[delays_key(partition, domain_and_plan)].update(by_delay)


async def read_delays(redis: Redis, domain: str, plan: str) -> dict[int, dict[int, int]]:
    """How many results came so many days late, summed over the partitions: as `completeness.Delays`."""
    pipeline = redis.pipeline(transaction=False)
    for partition in range(PARTITIONS):
        pipeline.hgetall(delays_key(partition, f"{domain}|{plan}"))
    by_delay: dict[int, dict[int, int]] = {}
    for part in await cast(Any, pipeline.execute()):
        for delay, packed in part.items():
            by_code: dict[int, int] = {}
            add_packed(packed, by_code)
            of_delay = by_delay.setdefault(int(delay), {})
            for code, n in by_code.items():
                of_delay[code // KINDS] = of_delay.get(code // KINDS, 0) + n
    return by_delay


def field_of(value: str) -> bytes:
    """A cell's value as the name of its field."""
    return value.encode() if value.isascii() else value.encode("gb18030")


def value_of(field: bytes) -> str:
    """The inverse of `field_of`."""
    return field.decode("gb18030")


def add_counts(changes: Changes, partition: int, increments: Increments | PackedIncrements) -> None:
    """Adds the increments to the partition's part of the cells' counts."""
    for group, cells in increments.items():
        changes.add[counts_key(partition, group)] = {field_of(value): counts for value, counts in cells.items()}


async def read_cells(redis: Redis, group: str) -> list[str]:
    """The values of all cells of a group (domain|plan|cut) that have counts, sorted."""
    pipeline = redis.pipeline(transaction=False)
    for partition in range(PARTITIONS):
        pipeline.hkeys(counts_key(partition, group))
    found: set[bytes] = set().union(*await cast(Any, pipeline.execute()))
    return sorted(map(value_of, found))


async def read_parts(redis: Redis, cells: Sequence[Cell]) -> list[tuple[bytes | None, ...]]:
    """Each cell's packed counts in every partition; None where a partition has none."""
    found: list[tuple[bytes | None, ...]] = []
    for start in range(0, len(cells), _CELLS_AT_ONCE):
        found += await _read_parts(redis, cells[start : start + _CELLS_AT_ONCE])
    return found


async def _read_parts(redis: Redis, cells: Sequence[Cell]) -> list[tuple[bytes | None, ...]]:
    """In one round trip: the cells of a group by one command for each partition."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, cell in enumerate(cells):
        places[cell.group].append(place)
    pipeline = redis.pipeline(transaction=False)
    for group, of_group in places.items():
        fields = [field_of(cells[place].value) for place in of_group]
        for partition in range(PARTITIONS):
            pipeline.hmget(counts_key(partition, group), fields)
    replies = iter(await cast(Any, pipeline.execute()))
    found: list[tuple[bytes | None, ...]] = [()] * len(cells)
    for of_group in places.values():
        parts = zip(*(next(replies) for _ in range(PARTITIONS)), strict=True)
        for place, of_cell in zip(of_group, parts, strict=True):
            found[place] = of_cell
    return found


async def read_some(redis: Redis, wanted: Sequence[tuple[Cell, int]]) -> list[bytes | None]:
    """The packed counts of each cell in its partition, in one round trip; for a few."""
    pipeline = redis.pipeline(transaction=False)
    for cell, partition in wanted:
        pipeline.hget(counts_key(partition, cell.group), cast(Any, field_of(cell.value)))
    return cast(list[bytes | None], await cast(Any, pipeline.execute()))


async def read_daily(redis: Redis, cells: Sequence[Cell]) -> list[dict[int, Counts]]:
    """The daily counts of each cell by day number, summed over the partitions; days without counts are left out."""
    return [daily_counts(parts) for parts in await read_parts(redis, cells)]
