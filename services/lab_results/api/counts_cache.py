"""The counts of groups of cells in memory, valid for a version of the ledgers.

Counts move only together with the version of their partition's ledger. So a request asks for the twelve versions, and
reads again only the parts of those partitions whose version has moved. Versions are read before counts: what is held
under a version may be newer than it, never older. So a request may be answered from what was read for a later one.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from redis.asyncio import Redis

from services.lab_results.counts_store import counts_key, field_of, read_some, value_of
from services.lab_results.cut_filling import Status, cut_statuses
from services.lab_results.cuts import Cell
from services.lab_results.rates import RunningSums
from services.lab_results.running_sums import running_sums
from services.lab_results.store import STAGE
from services.runtime.settings import PARTITIONS
from services.runtime.stage import state_key

#: The version of each partition's ledger.
Versions = tuple[bytes, ...]
#: So many parts are read at once; the event loop, which the stages share, is free in between.
_PARTS_AT_ONCE = 48
#: How many days of cells are held, each about 150 bytes.
_MOST_DAYS = 300_000
#: Single cells are read over so many connections at most: the others of the pool are the stages'.
_CONNECTIONS = 8
_LOOK_AGAIN_S = 2.0
_NONE: Versions = (b"?",) * PARTITIONS


@dataclass(slots=True)
class Group:
    """The cells of a domain, a plan and a cut. A cell's sums are made when they are first asked for."""

    versions: Versions = _NONE
    parts: list[dict[bytes, bytes]] = field(default_factory=lambda: [{} for _ in range(PARTITIONS)])
    values: list[str] = field(default_factory=list)
    days: int = 0
    _sums: dict[bytes, RunningSums] = field(default_factory=dict)
    _unlisted: bool = False

    def parts_of(self, value: str) -> list[bytes | None]:
        """The packed counts of a cell in each partition."""
        name = field_of(value)
        return [part.get(name) for part in self.parts]

    def sums(self, value: str) -> RunningSums:
        """The counts of a cell."""
        name = field_of(value)
        found = self._sums.get(name)
        if found is None:
            found = self._sums[name] = running_sums(self.parts_of(value))
            self.days += len(found.days)
        return found

    def renew(self, partition: int, part: dict[bytes, bytes]) -> None:
        """Puts what the partition has now in the place of what it had; forgets the sums of the cells that differ."""
        before = self.parts[partition]
        self.parts[partition] = part
        names = before.keys() ^ part.keys()
        self._unlisted = self._unlisted or bool(names)
        for name in [*names, *(name for name, packed in part.items() if before.get(name) != packed)]:
            forgotten = self._sums.pop(name, None)
            self.days -= len(forgotten.days) if forgotten else 0

    def list_values(self) -> None:
        """Lists the cells anew where some have come or gone."""
        if self._unlisted:
            self.values = sorted(map(value_of, set().union(*self.parts)))
            self._unlisted = False


class CountsCache:
    """The cells and their counts as Redis has them, at the price of one round trip where nothing has moved."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._groups: OrderedDict[str, Group] = OrderedDict()
        self._reading = asyncio.Lock()
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._asking: asyncio.Task[Versions] | None = None
        self._asking_next: asyncio.Task[Versions] | None = None
        self._statuses: tuple[Versions, dict[str, Status]] = (_NONE, {})
        self._look_again = 0.0
        self._latest = _NONE

    async def versions(self) -> Versions:
        """Where the ledgers stand now.

        While one look is under way, whoever comes waits for the next, and shares it with the others who do: an answer
        is never from before its question, and many questions at once cost two looks.
        """
        if self._asking_next is None:
            self._asking_next = asyncio.create_task(self._versions_after(self._asking))
        return await asyncio.shield(self._asking_next)

    async def _versions_after(self, before: asyncio.Task[Versions] | None) -> Versions:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._asking, self._asking_next = self._asking_next, None
        pipeline = self._redis.pipeline(transaction=False)
        for partition in range(PARTITIONS):
            pipeline.hget(state_key(STAGE, partition, "ledger"), "version")
        self._latest = tuple(version or b"" for version in await cast(Awaitable[list[Any]], pipeline.execute()))
        return self._latest

    async def status(self, versions: Versions, cut: str) -> Status:
        """Whether the cut's counts are whole, or still being filled from the verdicts. A whole cut stays whole, but for
        a wiped Redis, so it is looked at again only now and then."""
        at, statuses = self._statuses
        if versions != at and (statuses.get(cut) != "live" or time.monotonic() > self._look_again):
            async with self._places:
                statuses = await cut_statuses(self._redis)
            self._statuses, self._look_again = (versions, statuses), time.monotonic() + _LOOK_AGAIN_S
        return statuses.get(cut, "live")

    async def groups(self, names: Sequence[str]) -> list[Group]:
        """The groups (domain|plan|cut) with their cells, as of the latest look at the versions or later."""
        # held here, since another request may have any of them forgotten while this one waits
        groups = {name: self._groups.setdefault(name, Group()) for name in names}
        if any(map(self._moved, groups.values())):
            async with self._reading:
                latest = self._latest
                wanted = [(name, partition) for name in groups for partition in self._moved(groups[name])]
                for start in range(0, len(wanted), _PARTS_AT_ONCE):
                    await self._read(groups, wanted[start : start + _PARTS_AT_ONCE])
                for name in {name for name, _ in wanted}:
                    groups[name].versions = latest
                    groups[name].list_values()
        for name, group in groups.items():
            self._groups[name] = group
            self._groups.move_to_end(name)
        return [groups[name] for name in names]

    def _moved(self, group: Group) -> list[int]:
        """The partitions whose part of the group is older than the latest look."""
        if group.versions == self._latest:
            return []
        return [partition for partition in range(PARTITIONS) if group.versions[partition] != self._latest[partition]]

    async def _read(self, groups: dict[str, Group], wanted: Sequence[tuple[str, int]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for name, partition in wanted:
            pipeline.hgetall(counts_key(partition, name))
        for (name, partition), part in zip(wanted, await pipeline.execute(), strict=True):
            groups[name].renew(partition, part)

    def trim(self) -> None:
        """Forgets the groups that were not asked for longest, where more is held than may be."""
        while len(self._groups) > 1 and sum(group.days for group in self._groups.values()) > _MOST_DAYS:
            self._groups.popitem(last=False)

    async def cells(self, cells: Sequence[Cell]) -> list[RunningSums]:
        """The counts of single cells, as of the latest look or later. What is in memory and has not moved is not read;
        of the rest, the cells alone."""
        groups = [self._groups.get(cell.group) or Group() for cell in cells]
        for name in {cell.group for cell in cells} & self._groups.keys():
            self._groups.move_to_end(name)
        moved = [self._moved(group) for group in groups]
        if not any(moved):
            return [group.sums(cell.value) for cell, group in zip(cells, groups, strict=True)]
        parts = [group.parts_of(cell.value) for cell, group in zip(cells, groups, strict=True)]
        wanted = [(place, partition) for place, partitions in enumerate(moved) for partition in partitions]
        async with self._places:
            read = await read_some(self._redis, [(cells[place], partition) for place, partition in wanted])
        for (place, partition), packed in zip(wanted, read, strict=True):
            parts[place][partition] = packed
        return [
            group.sums(cell.value) if group.parts_of(cell.value) == of_cell else running_sums(of_cell)
            for cell, group, of_cell in zip(cells, groups, parts, strict=True)
        ]
