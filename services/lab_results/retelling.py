"""Retelling: what a rebuild counts again is told of once it is whole, each cell once, for its rates and their timers.

A batch of a rebuild notes which groups of cells it counted in. Once the partition has caught up, a timer goes through
them, some thousands of cells at a time, in one step with the ledger. Slices are made by a hash of the cell's name, so
they are the same whatever becomes of Redis in between; a cell that is new by then tells of itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast
from zlib import crc32

from redis.asyncio import Redis

from services.lab_results.counts_store import counts_key, value_of
from services.lab_results.deltas import Deltas, is_published
from services.lab_results.store import STAGE
from services.runtime.stage import Changes, state_key

#: The timer that has the next slice told.
TIMER = "retell"
#: Cells of a slice; each slice reads the names of the whole group.
_AT_ONCE = 10_000


class Slice(NamedTuple):
    """The keys of some of a group's cells. `number`, from 0, of so many slices."""

    group: str
    number: int
    of: int
    cells: Sequence[str]

    @property
    def is_last(self) -> bool:
        """Whether the group is told with it."""
        return self.number + 1 == self.of


class Slices(NamedTuple):
    """What is told in one step. `more`: something is left after that."""

    slices: Sequence[Slice]
    more: bool


def retell_key(partition: int) -> str:
    """The hash of what is to be told: group -> the next slice and how many there are, as 3/17; empty: not begun."""
    return state_key(STAGE, partition, "retell")


def note(changes: Changes, partition: int, moved: Mapping[str, Collection[str]]) -> None:
    """Has the groups told, from the start, of which cells have moved."""
    groups = [group for group, cells in moved.items() if cells and is_published(group)]
    if groups:
        changes.put[retell_key(partition)].update(dict.fromkeys(groups, b""))
        changes.timers[TIMER] = 0


async def load_slices(redis: Redis, partition: int) -> Slices:
    """What is to be told next: a slice of a large group, or small groups together."""
    noted: dict[bytes, bytes] = await cast(Any, redis.hgetall(retell_key(partition)))
    found: list[Slice] = []
    for name, progress in sorted(noted.items()):
        if sum(len(slice_.cells) for slice_ in found) >= _AT_ONCE:
            break
        group = name.decode()
        fields: list[bytes] = await cast(Any, redis.hkeys(counts_key(partition, group)))
        number, of = map(int, progress.split(b"/")) if progress else (0, -(-len(fields) // _AT_ONCE) or 1)
        cells = [f"{group}|{value_of(field)}" for field in fields if crc32(field) % of == number]
        found.append(Slice(group, number, of, cells))
    return Slices(found, sum(slice_.is_last for slice_ in found) < len(noted))


def tell(changes: Changes, deltas: Deltas, partition: int, version: int, told: Slices, now: int) -> None:
    """Tells of the slices' cells. `now` is in milliseconds since the epoch."""
    for slice_ in told.slices:
        changes.messages.extend(deltas.touched(partition, version, slice_.cells))
        if slice_.is_last:
            changes.delete[retell_key(partition)].append(slice_.group)
        else:
            changes.put[retell_key(partition)][slice_.group] = b"%d/%d" % (slice_.number + 1, slice_.of)
    changes.timers[TIMER] = now + 1 if told.more else None
