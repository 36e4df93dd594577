"""Cuts that come and go: which cuts each partition counts in, and how a new one is filled from the verdicts that stand.

Each partition notes the cuts that it counts in beside its counts. Where the configuration names another cut, a timer
has it filled: the verdict of every dossier is counted in it, its counts and the note are written in one step with the
ledger, and from then on verdicts move them. The step is applied only to the state that it was computed from, since the
ledger refuses it otherwise; so each verdict is counted once, by the filling or by its own batch. The other cuts, and
the other partitions, go on meanwhile. A cut that the configuration no longer names loses counts and note the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, cast, get_args

from redis.asyncio import Redis

from schemas.topics import RATES
from schemas.values import Domain, Plan
from services.lab_results import domain, store
from services.lab_results.counts import Increments, Tally
from services.lab_results.counts_store import add_counts, counts_key, value_of
from services.lab_results.cut_config import Cut
from services.lab_results.cuts import CUTS, Cells, group_key
from services.lab_results.deltas import is_published
from services.runtime.messages import Message
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, state_key

#: The timer that has a partition's cuts filled or dropped.
TIMER = "cuts"
Status = Literal["live", "backfilling"]
_BLOCKS_AT_ONCE = 25


def note_key(partition: int) -> str:
    """The hash that notes which cuts a partition counts in: name -> fingerprint."""
    return state_key(store.STAGE, partition, "cuts")


@dataclass(frozen=True, slots=True)
class Counting:
    """What a partition counts in. `begins`: it has no dossiers yet, and is to note the cuts with its first batch."""

    cells: Cells
    cuts: frozenset[str]
    begins: bool
    differs: bool


@dataclass(frozen=True, slots=True)
class Filling:
    """What brings a partition's cuts to the configured ones."""

    filled: Mapping[str, str]
    dropped: Sequence[str]
    increments: Increments = field(default_factory=dict)
    gone: Mapping[str, list[bytes]] = field(default_factory=dict)


class CutKeeper:
    """Keeps each partition's cuts as configured."""

    def __init__(self, cuts: Iterable[Cut] = CUTS) -> None:
        self._cuts = {cut.name: cut for cut in cuts}
        self._all = Cells(tuple(self._cuts.values()))
        self._counting: dict[int, Counting] = {}

    async def load(self, redis: Redis, partition: int) -> None:
        """Reads what the partition counts in, unless that is known."""
        known = self._counting.get(partition)
        if known is None or known.begins or known.differs:
            self._counting[partition] = await self._read(redis, partition)

    async def _read(self, redis: Redis, partition: int) -> Counting:
        noted = await _noted(redis, partition)
        if not noted and not await cast(Any, redis.hlen(store.dossiers_key(partition))):
            return Counting(self._all, frozenset(self._cuts), begins=True, differs=False)
        wanted = self._wanted()
        if noted == wanted:
            return Counting(self._all, frozenset(self._cuts), begins=False, differs=False)
        live = [cut for cut in self._cuts.values() if noted.get(cut.name) == cut.fingerprint]
        return Counting(Cells(live), frozenset(cut.name for cut in live), begins=False, differs=True)

    def _wanted(self) -> dict[str, str]:
        return {cut.name: cut.fingerprint for cut in self._cuts.values()}

    def tally(self, partition: int) -> Tally:
        """An empty tally of the cuts that the partition counts in."""
        held = self._counting.get(partition)
        return Tally(held.cells if held else self._all)

    def note(self, changes: Changes, partition: int) -> None:
        """Notes the cuts with a partition's first batch; has them filled where they are others than configured."""
        held = self._counting.get(partition)
        if held is None or held.begins:
            self._put(changes, partition, self._wanted())
        elif held.differs:
            changes.timers[TIMER] = 0

    def _put(self, changes: Changes, partition: int, noted: Mapping[str, str]) -> None:
        changes.put[note_key(partition)].update({name: text.encode() for name, text in noted.items()})

    async def load_due(self, redis: Redis, partition: int) -> Filling:
        """Counts every standing verdict of the partition in the cuts that are to be filled."""
        noted = await _noted(redis, partition)
        wanted = self._wanted()
        if not noted and not await cast(Any, redis.hlen(store.dossiers_key(partition))):
            return Filling({}, ())
        filled = {name: text for name, text in wanted.items() if noted.get(name) != text}
        dropped = [name for name in noted if name not in wanted]
        gone = {}
        for name in (*dropped, *(name for name in filled if name in noted)):
            for domain_, plan in product(get_args(Domain), get_args(Plan)):
                key = counts_key(partition, group_key(domain_, plan, name))
                if fields := await cast(Any, redis.hkeys(key)):
                    gone[key] = fields
        increments = await self._recount(redis, partition, filled) if filled else {}
        return Filling(filled, dropped, increments, gone)

    async def _recount(self, redis: Redis, partition: int, names: Iterable[str]) -> Increments:
        tally = Tally(Cells([self._cuts[name] for name in names]))
        key = store.dossiers_key(partition)
        blocks = [one.decode() for one in await cast(Any, redis.hkeys(key))]
        for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
            chunk = blocks[start : start + _BLOCKS_AT_ONCE]
            for dossier in (await store.DOSSIERS.load_whole(redis, key, chunk)).values():
                tally.move(None, domain.verdict_of(dossier))
            await asyncio.sleep(0)  # the other partitions share the event loop
        return tally.increments()

    def fold_due(self, changes: Changes, filling: Filling, partition: int) -> None:
        """Writes the filled cuts' counts, and drops what is gone."""
        self.forget(partition)
        changes.timers[TIMER] = None
        changes.delete.update(filling.gone)
        add_counts(changes, partition, filling.increments)
        if filling.filled:
            self._put(changes, partition, filling.filled)
        if filling.dropped:
            changes.delete[note_key(partition)] = [name.encode() for name in filling.dropped]
            changes.messages.extend(_tombstones(filling))

    def forget(self, partition: int) -> None:
        """Another worker may have filled cuts meanwhile."""
        self._counting.pop(partition, None)


async def ask_to_fill(redis: Redis) -> None:
    """Has each partition's owner look at its cuts, though no event comes. Asking too often does no harm."""
    for partition in range(PARTITIONS):
        await redis.zadd(state_key(store.STAGE, partition, "timers"), {TIMER: 0})


async def cut_statuses(redis: Redis) -> dict[str, Status]:
    """Of each configured cut, whether it is whole, or still being filled in some partition."""
    pipeline = redis.pipeline(transaction=False)
    for partition in range(PARTITIONS):
        pipeline.hgetall(note_key(partition))
        pipeline.hlen(store.dossiers_key(partition))
    replies = await cast(Any, pipeline.execute())
    found: dict[str, Status] = {cut.name: "live" for cut in CUTS}
    for noted, dossiers in zip(replies[::2], replies[1::2], strict=True):
        if noted or dossiers:
            for cut in CUTS:
                if noted.get(cut.name.encode()) != cut.fingerprint.encode():
                    found[cut.name] = "backfilling"
    return found


def emptied(filling: Filling) -> Iterator[str]:
    """The keys of the published cells that a cut had before it combined other attributes, and that nothing counts in
    any more: their rates are to be looked at."""
    for group, value in _gone_from(filling, filling.filled):
        if is_published(group) and value not in filling.increments.get(group, ()):
            yield f"{group}|{value}"


def _tombstones(filling: Filling) -> Iterator[Message]:
    """The end of the published rates of dropped cuts' cells."""
    for group, value in _gone_from(filling, filling.dropped):
        cell = f"{group}|{value}".encode()
        yield Message(RATES.name, home_of(cell, PARTITIONS), cell, None, ())


def _gone_from(filling: Filling, cuts: Collection[str]) -> Iterator[tuple[str, str]]:
    """The groups and values of the cells that lose their counts in these cuts."""
    for key, values in filling.gone.items():
        group = key.partition(":counts:")[2]
        if group.rpartition("|")[2] in cuts:
            for field_ in values:
                yield group, value_of(field_)


async def _noted(redis: Redis, partition: int) -> dict[str, str]:
    noted = await cast(Any, redis.hgetall(note_key(partition)))
    return {name.decode(): text.decode() for name, text in noted.items()}
