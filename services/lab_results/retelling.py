"""Retelling: what a rebuild counts again is told of once it is whole, each cell once, for its rates and their timers.

A batch of a rebuild notes which groups of cells it counted in. Once the partition has caught up, a timer goes through
them, a slice of a group at a time, in one step with the ledger. Slices are made by a hash of the cell's name, so they
are the same whatever becomes of Redis in between; a cell that is new by then tells of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from zlib import crc32

from redis.asyncio import Redis

from services.lab_results.counts import Increments
from services.lab_results.counts_store import counts_key, value_of
from services.lab_results.deltas import Deltas, is_published
from services.lab_results.store import STAGE
from services.runtime.stage import Changes, state_key

#: The timer that has the next slice told.
TIMER = "retell"
#: Cells of a slice; each slice reads the names of the whole group.
_AT_ONCE = 10_000


class Slice(NamedTuple):
    """The keys of some of a group's cells. `number`, from 0, of so many slices; `last`: no other group is noted."""

    group: str
    number: int
    of: int
    cells: Sequence[str]
    last: bool


def retell_key(partition: int) -> str:
    """The hash of what is to be told: group -> the next slice and how many there are, as 3/17; empty: not begun."""
    return state_key(STAGE, partition, "retell")


def note(changes: Changes, partition: int, increments: Increments) -> None:
    """Has the groups of the increments told, from the start."""
    groups = [group for group, cells in increments.items() if cells and is_published(group)]
    if groups:
        changes.put[retell_key(partition)].update(dict.fromkeys(groups, b""))
        changes.timers[TIMER] = 0


async def load_slice(redis: Redis, partition: int) -> Slice | None:
    """What is to be told next."""
    noted: dict[bytes, bytes] = await cast(Any, redis.hgetall(retell_key(partition)))
    if not noted:
        return None
    name, progress = min(noted.items())
    group = name.decode()
    fields: list[bytes] = await cast(Any, redis.hkeys(counts_key(partition, group)))
    number, of = map(int, progress.split(b"/")) if progress else (0, -(-len(fields) // _AT_ONCE) or 1)
    cells = [f"{group}|{value_of(field)}" for field in fields if crc32(field) % of == number]
    return Slice(group, number, of, cells, len(noted) == 1)


def tell(changes: Changes, deltas: Deltas, partition: int, version: int, told: Slice | None, now: int) -> None:
    """Tells of the slice's cells. `now` is in milliseconds since the epoch."""
    changes.timers[TIMER] = None
    if told is None:
        return
    changes.messages.extend(deltas.touched(partition, version, told.cells))
    goes_on = told.number + 1 < told.of
    if goes_on:
        changes.put[retell_key(partition)][told.group] = b"%d/%d" % (told.number + 1, told.of)
    else:
        changes.delete[retell_key(partition)].append(told.group)
    if goes_on or not told.last:
        changes.timers[TIMER] = now + 1
