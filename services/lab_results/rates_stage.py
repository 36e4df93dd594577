"""The rates stage: deltas in, each touched cell's rates out. Every cell has one owner: its partition of the deltas.

A delta says that a cell has moved. The counts themselves are read back from where they were applied with the verdicts,
and nothing is remembered between batches, so a delta that comes twice, late or from before a rollback can't make a rate
wrong. A cell's timer goes off on the day on which its windows come to hold other counts, though no verdict moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from functools import partial

from redis.asyncio import Redis

from schemas.qualification import Delta
from schemas.structs import struct_of
from schemas.topics import DELTAS, RATES
from services.lab_results.counts_store import read_parts
from services.lab_results.cuts import PUBLISHED, Cell
from services.lab_results.rates import RunningSums, rate_of
from services.lab_results.running_sums import running_sums
from services.runtime.calendar import day_of, midnight_after, moment_of
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Taken
from services.runtime.messages import Writer
from services.runtime.stage import Changes, Record, Replay

SERVICE = "lab_results"
#: The daily counts of each touched cell.
Touched = dict[Cell, RunningSums]
#: So many cells are read in one round trip.
_CELLS_AT_ONCE = 250
#: After so many the verdicts and the query API, which share the loop, get their turn: some milliseconds at worst.
_CELLS_IN_A_ROW = 20
#: So many partitions read at once: the twelve would leave the verdicts waiting, one would wait for Redis by itself.
_PARTITIONS_AT_ONCE = 3


class RatesStage:
    """Publishes a cell's rates when its counts have moved: once a batch, the latest last."""

    name = "rates"
    topics = (DELTAS.name,)
    replay = Replay.ANY
    #: Deltas of many batches gather meanwhile, and a cell's rates need not be told more often.
    pause_seconds = 0.5

    def __init__(self) -> None:
        self._deltas = InnerTopic(DELTAS, struct_of(Delta), SERVICE, check=lambda delta: Cell.parse(delta.cell))
        self._rates = Writer(RATES, SERVICE)
        self._turn = asyncio.Semaphore(_PARTITIONS_AT_ONCE)
        self.give_way: Callable[[], Awaitable[None]] = partial(asyncio.sleep, 0)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads deltas."""
        return self._deltas.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Touched:
        """Reads the counts of the touched cells."""
        return await self._read(redis, (item.event.cell for item in inputs if isinstance(item, Taken)))

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> Touched:
        """Reads the counts of the cells whose windows move on."""
        return await self._read(redis, members)

    async def _read(self, redis: Redis, keys: Iterable[str]) -> Touched:
        # a cut that has been taken out has no counts any more
        cells = [cell for key in dict.fromkeys(keys) if (cell := Cell.parse(key)).cut in PUBLISHED]
        found: Touched = {}
        for start in range(0, len(cells), _CELLS_AT_ONCE):
            chunk = cells[start : start + _CELLS_AT_ONCE]
            await self.give_way()
            async with self._turn:
                for number, parts in enumerate(await read_parts(redis, chunk), 1):
                    found[chunk[number - 1]] = running_sums(parts)
                    if number % _CELLS_IN_A_ROW == 0:
                        await self.give_way()
        return found

    def fold(self, state: Touched, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """The rates of every touched cell, as of the day on which the last delta came."""
        changes = Changes()
        self._deltas.fold(changes, inputs, lambda item: None)
        if inputs:
            self._publish(changes, state, partition, day_of(moment_of(inputs[-1].record.timestamp)), version)
        return changes

    def fold_due(self, state: Touched, partition: int, members: Sequence[str], now: int, version: int) -> Changes:
        """The rates of the cells, as of the day that it is by now."""
        changes = Changes(timers=dict.fromkeys(members))
        self._publish(changes, state, partition, day_of(moment_of(now)), version)
        return changes

    def _publish(self, changes: Changes, state: Touched, partition: int, as_of: date, version: int) -> None:
        for cell, sums in state.items():
            key = cell.key
            rate = rate_of(cell, sums, as_of)
            changes.messages.append(self._rates.message(partition, key, rate, f"{key}:{partition}:{version}"))
            changes.timers[key] = midnight_after(str(rate.holds_until)) if rate.holds_until else None

    def forget(self, partition: int) -> None:
        """Nothing is remembered between batches."""
