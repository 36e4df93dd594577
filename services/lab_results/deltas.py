"""Deltas: what the cells of a partition have moved by. A large batch tells at once, small ones gather.

A batch of a few results moves a dozen cells for each of them, and a message for each cell and batch would cost more
than the verdicts do. So a small batch adds what it moved to a hash, in one step with the counts, and a timer of the
partition turns the hash into messages, once a second. Nothing is lost between the two, whatever ends meanwhile. What a
rebuild moves again is told by `retelling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from schemas.qualification import Delta
from schemas.structs import struct_of
from schemas.topics import DELTAS
from services.lab_results.counts import Increments, day_deltas
from services.lab_results.cuts import PUBLISHED
from services.lab_results.store import STAGE
from services.runtime.messages import Message, Writer
from services.runtime.packed_counts import KINDS, add_packed
from services.runtime.partitioning import homes_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, state_key

#: The timer that has gathered deltas told.
TIMER = "deltas"
#: Inputs of a batch from which on it tells at once: its results share most of their cells.
_MANY = 256
#: A count that each batch raises, of a kind and on a day that no verdict has: what comes to nothing has moved too, for
#: a rate may have been published in between.
_MOVED = KINDS - 1
#: Gathered deltas told at once; more are told right after, and batches come in between.
_AT_ONCE = 2000

DeltaFacts = struct_of(Delta, in_full=True)


class Moved(NamedTuple):
    """What some cells have moved by, by key: packed counts. `more`: there are others."""

    cells: Mapping[bytes, bytes]
    more: bool


def moved_key(partition: int) -> str:
    """The hash of what is to be told: cell's key -> packed increments."""
    return state_key(STAGE, partition, "moved")


async def load_moved(redis: Redis, partition: int) -> Moved:
    """What is to be told, or a part of it."""
    # any of them will do: those told are removed in the same step
    pairs = cast(list[bytes], await cast(Any, redis.hrandfield(moved_key(partition), _AT_ONCE, withvalues=True)) or [])
    cells = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Moved(cells, len(cells) == _AT_ONCE)


class Deltas:
    """Tells what moves, or has it told."""

    def __init__(self, service: str) -> None:
        self._writer = Writer(DELTAS, service)

    def add(self, changes: Changes, partition: int, version: int, increments: Increments, inputs: int) -> None:
        """What a batch of so many inputs moves."""
        if inputs >= _MANY:
            changes.messages.extend(self.messages(partition, version, increments))
            return
        gathered = {cell: {**counter, _MOVED: 1} for cell, counter in _published(increments)}
        if gathered:
            changes.add[moved_key(partition)].update(gathered)
            changes.timers[TIMER] = 0

    def messages(self, partition: int, version: int, increments: Increments) -> Iterator[Message]:
        """The increments as deltas."""
        return self._messages(partition, version, dict(_published(increments)))

    def touched(self, partition: int, version: int, cells: Iterable[str]) -> Iterator[Message]:
        """Deltas of cells, by key, without increments: their rates are to be looked at."""
        return self._messages(partition, version, {cell: {} for cell in cells})

    def tell(self, changes: Changes, partition: int, version: int, moved: Moved, now: int) -> None:
        """Tells what was gathered, and forgets it. `now` is in milliseconds since the epoch."""
        counters = {cell.decode(): _unpacked(packed) for cell, packed in moved.cells.items()}
        changes.messages.extend(self._messages(partition, version, counters))
        if moved.cells:
            changes.delete[moved_key(partition)] = list(moved.cells)
        changes.timers[TIMER] = now + 1 if moved.more else None

    def _messages(self, partition: int, version: int, counters: Mapping[str, Mapping[int, int]]) -> Iterator[Message]:
        homes = homes_of([cell.encode() for cell in counters], PARTITIONS)
        for home, (cell, counter) in zip(homes, counters.items(), strict=True):
            delta = DeltaFacts(cell=cell, partition=partition, version=version, days=day_deltas(counter))
            yield self._writer.message(home, cell, delta, f"{cell}:{partition}:{version}")


def _unpacked(packed: bytes) -> dict[int, int]:
    counter: dict[int, int] = {}
    add_packed(packed, counter)
    del counter[_MOVED]
    return counter


def _published(increments: Increments) -> Iterator[tuple[str, Mapping[int, int]]]:
    """Those that move published cells, with the cells' keys."""
    for group, cells in increments.items():
        if is_published(group):
            for value, counter in cells.items():
                if any(counter.values()):
                    yield f"{group}|{value}", counter


@lru_cache(maxsize=4096)
def is_published(group: str) -> bool:
    """Whether the rates of the group's cells are."""
    return group.rpartition("|")[2] in PUBLISHED
