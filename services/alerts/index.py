"""What alerts can be found by, in memory: kept current from Redis by what the ledger says has moved.

Every worker answers for all partitions, also those that others own. So before each answer it asks for the version of
each partition's ledger, and reads again only the alerts that moved since the version it holds (`store.moved_key`), or
the whole partition where that is not known any more: too much has happened, or Redis may have gone back in time.

A row costs some 300 bytes; texts that repeat are kept once and compared as numbers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

import msgpack
import msgspec
import numpy as np
from redis.asyncio import Redis

from schemas.alerts import AlertEvent
from schemas.regions import in_region
from schemas.structs import struct_of
from services.alerts import store
from services.alerts.values import milliseconds_of, tie_of
from services.runtime.ledger import follows, number_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import state_key

#: The fields that alerts can be found by their whole value.
EXACT: Final = (
    "kind",
    "state",
    "severity",
    "urgency",
    "level",
    "status",
    "rule",
    "domain",
    "plan",
    "measure",
    "item_class",
    "lab_id",
    "assignee",
    "sample_id",
    "alert_id",
)
_CODED: Final = (*EXACT, "area")
_Head = struct_of(AlertEvent, only=(*_CODED, "sequence", "changed_at"))
_decode = msgspec.json.Decoder(_Head).decode
_CHUNK = 500


class Found(NamedTuple):
    """The alerts asked for: how many there are, and of those wanted the ids, sequences and places in the order."""

    total: int
    ids: list[str]
    sequences: list[int]
    last: tuple[int, int] | None


class Question(NamedTuple):
    """exact: field -> values, one of which it has. area: how the region begins. since: changed then or later, in
    milliseconds. after: the place after which to go on. limit: at most so many."""

    exact: dict[str, tuple[str, ...]]
    area: str = ""
    since: int = 0
    after: tuple[int, int] | None = None
    limit: int | None = None


class _Texts:
    """Texts as numbers."""

    def __init__(self) -> None:
        self.numbers: dict[str | None, int] = {None: 0}

    def number(self, text: str | None) -> int:
        return self.numbers.setdefault(text, len(self.numbers))

    def beginning(self, prefix: str) -> np.ndarray:
        """Which numbers stand for a region that begins so."""
        return np.fromiter((text is not None and in_region(text, prefix) for text in self.numbers), bool)


class _Part:
    """The rows of one partition."""

    def __init__(self, texts: dict[str, _Texts], version: str) -> None:
        self.version = version
        self.ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._texts = texts
        self._size = 0
        self.codes = np.zeros((len(_CODED), 64), np.int32)
        self.times = np.zeros((3, 64), np.int64)

    @property
    def count(self) -> int:
        return self._size

    def put(self, message: bytes) -> None:
        head = _decode(message)
        row = self._rows.get(head.alert_id)
        if row is None:
            row = self._rows[head.alert_id] = self._size
            self.ids.append(head.alert_id)
            self._size += 1
            if self._size > self.codes.shape[1]:
                self.codes = np.concatenate([self.codes, np.zeros_like(self.codes)], axis=1)
                self.times = np.concatenate([self.times, np.zeros_like(self.times)], axis=1)
        self.codes[:, row] = [self._texts[name].number(getattr(head, name)) for name in _CODED]
        self.times[:, row] = milliseconds_of(head.changed_at), tie_of(head.alert_id), head.sequence

    def matching(self, question: Question, areas: np.ndarray | None) -> np.ndarray:
        """The rows that agree."""
        size = self._size
        mask = self.times[0, :size] >= question.since
        for name, values in question.exact.items():
            known = [self._texts[name].numbers[value] for value in values if value in self._texts[name].numbers]
            column = self.codes[_CODED.index(name), :size]
            mask &= (column == known[0]) if len(known) == 1 else np.isin(column, known)
        if areas is not None:
            mask &= areas[self.codes[_CODED.index("area"), :size]]
        return np.flatnonzero(mask)


class AlertIndex:
    """The index of all partitions' alerts."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._texts = {name: _Texts() for name in _CODED}
        self._parts: dict[int, _Part] = {}
        self._lock = asyncio.Lock()

    @property
    def count(self) -> int:
        """How many alerts there are."""
        return sum(part.count for part in self._parts.values())

    def find(self, question: Question) -> Found:
        """The alerts that agree, those that changed last first. `refresh` first."""
        areas = self._texts["area"].beginning(question.area) if question.area else None
        parts = list(self._parts.values())
        rows = [part.matching(question, areas) for part in parts]
        total = sum(map(len, rows))
        if question.after is not None:
            rows = [
                found[_before(part.times[:2, found], question.after)] for part, found in zip(parts, rows, strict=True)
            ]
        which = np.repeat(np.arange(len(parts)), [len(found) for found in rows])
        row = np.concatenate([*rows, np.zeros(0, np.int64)]).astype(np.int64)
        times = np.concatenate(
            [part.times[:, found] for part, found in zip(parts, rows, strict=True)] + [np.zeros((3, 0), np.int64)],
            axis=1,
        )
        limit = len(row) if question.limit is None else min(question.limit, len(row))
        if 0 < limit < len(row):
            # only what can be among the first is put in order
            threshold = np.partition(times[0], len(row) - limit)[len(row) - limit]
            keep = np.flatnonzero(times[0] >= threshold)
            which, row, times = which[keep], row[keep], times[:, keep]
        order = np.lexsort((times[1], times[0]))[::-1][:limit]
        ids = [parts[which[place]].ids[row[place]] for place in order]
        last = (int(times[0, order[-1]]), int(times[1, order[-1]])) if len(order) else None
        return Found(total, ids, times[2, order].tolist(), last)

    def tally(self, names: Sequence[str]) -> Counter[tuple[str, ...]]:
        """How many alerts have each combination of values of these fields. `refresh` first."""
        rows = [_CODED.index(name) for name in names]
        texts = [{number: text or "" for text, number in self._texts[name].numbers.items()} for name in names]
        found: Counter[tuple[str, ...]] = Counter()
        for part in self._parts.values():
            combinations, counts = np.unique(part.codes[rows, : part.count], axis=1, return_counts=True)
            for codes, count in zip(combinations.T.tolist(), counts.tolist(), strict=True):
                found[tuple(text[code] for text, code in zip(texts, codes, strict=True))] += count
        return found

    async def refresh(self) -> None:
        """Reads what has moved."""
        async with self._lock:
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(PARTITIONS):
                    pipe.hget(state_key(store.STAGE, partition, "ledger"), "version")
                versions = [(version or b"0").decode() for version in await pipe.execute()]
            for partition, version in enumerate(versions):
                part = self._parts.get(partition)
                if part is None or part.version != version:
                    await self._renew(partition, part, version)

    async def _renew(self, partition: int, part: _Part | None, version: str) -> None:
        moved = None if part is None else await self._moved(partition, part.version, version)
        if part is None or moved is None:
            self._parts[partition] = await self._whole(partition, version)
            return
        for message in await alerts_of(self._redis, moved):
            part.put(message)
        part.version = version

    async def _moved(self, partition: int, held: str, version: str) -> set[str] | None:
        """The alerts that moved between two versions; None where that is not known."""
        old, new = number_of(held), number_of(version)
        if new > old + store.RING or not follows(version, held):
            return None
        numbers = range(old + 1, new + 1)
        names = [str(number % store.RING) for number in numbers]
        moved: set[str] = set()
        for number, packed in zip(numbers, await _hmget(self._redis, store.moved_key(partition), names), strict=True):
            listed, ids = msgpack.unpackb(packed) if packed is not None else (0, None)
            if listed > number:
                return None
            if listed == number:
                if ids is None:
                    return None
                moved.update(ids)
        return moved

    async def _whole(self, partition: int, version: str) -> _Part:
        part = _Part(self._texts, version)
        async for name, kept in self._redis.hscan_iter(store.alerts_key(partition), count=_CHUNK):
            part.put(store.alert_message(kept, name.decode()))
        return part


def _before(times: np.ndarray, place: tuple[int, int]) -> np.ndarray:
    return cast(np.ndarray, (times[0] < place[0]) | ((times[0] == place[0]) & (times[1] < place[1])))


async def alerts_of(redis: Redis, alert_ids: Iterable[str]) -> list[bytes]:
    """The alerts of those ids as they stand, as JSON, in their order; one that there is not is left out."""
    wanted = list(alert_ids)
    found: dict[str, bytes] = {}
    by_partition: dict[int, list[str]] = {}
    for alert_id in wanted:
        by_partition.setdefault(int(alert_id[:2]), []).append(alert_id)
    async with redis.pipeline(transaction=False) as pipe:
        asked = []
        for partition, ids in by_partition.items():
            for start in range(0, len(ids), _CHUNK):
                asked.append(ids[start : start + _CHUNK])
                pipe.hmget(store.alerts_key(partition), asked[-1])
        for ids, values in zip(asked, await pipe.execute(), strict=True):
            kept = zip(ids, values, strict=True)
            found.update((name, store.alert_message(value, name)) for name, value in kept if value is not None)
    return [found[alert_id] for alert_id in wanted if alert_id in found]


async def _hmget(redis: Redis, key: str, names: Sequence[str]) -> list[bytes | None]:
    values: list[bytes | None] = await cast(Any, redis.hmget(key, list(names)))
    return values
