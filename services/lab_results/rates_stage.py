"""The rates stage: deltas in, each touched cell's rates out. Every cell has one owner: its partition of the deltas.

A delta says which days of a cell have moved. The counts themselves are read back from where they were applied with the
verdicts, so a delta that comes twice, late or from before a rollback can't make a rate wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from redis.asyncio import Redis

from schemas.qualification import Delta
from schemas.structs import struct_of
from schemas.topics import DELTAS, RATES
from services.lab_results import store
from services.lab_results.cuts import Cell
from services.lab_results.rates import RollingCounts, rate_of
from services.runtime.calendar import day_of, moment_of, number_of_day
from services.runtime.inner import InnerTopic
from services.runtime.intake import Input, Taken
from services.runtime.messages import Writer
from services.runtime.stage import Changes, Record

SERVICE = "lab_results"
#: The daily counts of each touched cell.
Touched = dict[Cell, RollingCounts]


class RatesStage:
    """Publishes a cell's rates when its counts have moved: once a batch, the latest last."""

    name = "rates"
    topics = (DELTAS.name,)
    ordered = False
    #: Deltas of many batches gather meanwhile, and a cell's rates need not be told more often.
    pause_seconds = 0.5

    def __init__(self) -> None:
        self._deltas = InnerTopic(DELTAS, struct_of(Delta), SERVICE, check=lambda delta: Cell.parse(delta.cell))
        self._rates = Writer(RATES, SERVICE)
        self._daily: dict[int, Touched] = defaultdict(dict)

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Reads deltas."""
        return self._deltas.decode(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Input]) -> Touched:
        """Reads the moved days of the touched cells; the other days are remembered from the time before."""
        moved: dict[Cell, set[int]] = defaultdict(set)
        for item in inputs:
            if isinstance(item, Taken):
                moved[Cell.parse(item.event.cell)].update(number_of_day(day.day) for day in item.event.days)
        remembered = self._daily[partition]
        known = {cell: days for cell, days in moved.items() if cell in remembered}
        for cell, daily in (await store.read_days(redis, known)).items():
            remembered[cell].renew(known[cell], daily)
        new = [cell for cell in moved if cell not in remembered]
        remembered.update(zip(new, map(RollingCounts, await store.read_daily(redis, new)), strict=True))
        return {cell: remembered[cell] for cell in moved}

    def fold(self, state: Touched, partition: int, inputs: Sequence[Input], version: int) -> Changes:
        """The rates of every touched cell, as of the day on which the last delta came."""
        changes = Changes()
        self._deltas.fold(changes, inputs, lambda item: None)
        if not inputs:
            return changes
        as_of = day_of(moment_of(inputs[-1].record.timestamp))
        for cell, rolling in state.items():
            rate = rate_of(cell, rolling, as_of)
            event_id = f"{cell.key}:{partition}:{version}"
            changes.messages.append(self._rates.message(partition, cell.key, rate, event_id))
        return changes

    def forget(self, partition: int) -> None:
        """Counts may have moved while another worker owned the cells."""
        self._daily.pop(partition, None)
