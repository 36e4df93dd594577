"""The ledger: what has been applied of each source partition, moved in one step with the state and the outbox.

Every partition of a stage has a ledger in Redis: a version, which each applied batch raises by one, and the position
(next offset) of each source topic. A batch is applied by one server-side call that compares both with what this worker
last saw. So a batch is applied once, whoever retries it and however many workers believe they own the partition.

A version is a number and a random mark. The number alone would not do: after Redis went back in time another worker
applies other batches under the same numbers, and a worker that slept meanwhile could apply what it computed from the
lost state, or take the other's messages for its own and trim them unpublished.

The mark is drawn whenever a worker reads where the ledger stands, and shared by all versions that it applies from there
on, each to exactly the one before. It also names the version that was read. So whoever held a version can tell whether
another one followed from it (`follows`), or Redis has lost it and others came in its place.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, cast

import msgpack
from redis.asyncio import Redis

from services.runtime.messages import Message
from services.runtime.packed_counts import pack_increments
from services.runtime.stage import Changes, state_key

_SCRIPT = Path(__file__).with_name("ledger.lua").read_text(encoding="utf-8")


def _new_mark() -> str:
    return os.urandom(4).hex()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partition's ledger stands: its version, and the next offset of each topic (absent: from the start).

    `version` counts the applied batches, `mark` tells this version from any other that had the same number. What is
    applied to it from here on gets the mark `next_mark`.
    """

    version: int
    positions: Mapping[str, int]
    mark: str = ""
    next_mark: str = field(default_factory=_new_mark, compare=False)

    @property
    def name(self) -> str:
        """The version as Redis holds it; ledgers of before marks have the number alone."""
        return f"{self.version}-{self.mark}" if self.mark else str(self.version)


def number_of(name: str) -> int:
    """The number in a version's name."""
    return int(name.partition("-")[0])


def follows(name: str, earlier: str) -> bool:
    """Whether a version came from an earlier one, with nothing lost between. False also where that is not known, as
    when three workers had the partition one after the other, or with versions of older releases."""
    number, mark = [*earlier.split("-"), ""][:2]
    words = name.split("-")
    own_and_read = zip(words[::2], words[1::2], strict=False)
    return any(mark and mark == its_mark and int(number) <= int(its_number) for its_number, its_mark in own_and_read)


class Moved(Exception):
    """The ledger is not where this worker saw it: another worker applied a batch, or Redis went back in time."""


class Ledger:
    """The ledgers of one stage."""

    def __init__(self, redis: Redis, stage: str) -> None:
        self._redis = redis
        self._stage = stage
        self._apply = redis.register_script(_SCRIPT)

    async def standing(self, partition: int) -> Standing:
        """Reads where the partition's ledger stands. Where there is none, one of version 0 without positions is begun,
        so that a worker which saw it can tell when it is wiped."""
        fields: dict[bytes, bytes] = await cast(Any, self._redis.hgetall(self._key(partition)))
        if not fields:
            await cast(Any, self._redis.hsetnx(self._key(partition), "version", f"0-{_new_mark()}"))
            fields = await cast(Any, self._redis.hgetall(self._key(partition)))
        positions = {name.decode(): int(value) for name, value in fields.items() if name != b"version"}
        version, _, mark = fields.get(b"version", b"0").decode().partition("-")
        return Standing(int(version), positions, mark, f"{_new_mark()}-{version}-{mark.partition('-')[0]}")

    async def apply(
        self,
        partition: int,
        seen: Standing,
        topic: str | None,
        position: int,
        changes: Changes,
        published: Sequence[str] = (),
    ) -> Standing:
        """Applies the changes, keeps the messages in the outbox and moves the topic's position, or that of none; the
        messages of the versions that have been published are forgotten.

        Raises Moved. After any other error it is open whether the batch was applied: read the standing again.
        """
        outbox = _pack_messages(changes.messages) if changes.messages else b""
        moved = {} if topic is None else {topic: position}
        before = seen.positions.get(topic, "") if topic else ""
        after = Standing(seen.version + 1, {**seen.positions, **moved}, seen.next_mark, seen.next_mark)
        applied, version, *_ = await self._apply(
            keys=[self._key(partition), self._outbox(partition), self._timers(partition)],
            args=[seen.name, topic or "", before, position, _pack_changes(changes), outbox, after.name, *published],
        )
        if not applied:
            raise Moved(f"{self._stage} {partition}: version {cast(bytes, version).decode()}, not {seen.name}")
        return after

    async def due(self, partition: int, now: int, limit: int) -> list[str]:
        """The timers that are due, earliest first. `now` is in milliseconds since the epoch."""
        found = await self._redis.zrangebyscore(self._timers(partition), "-inf", now, start=0, num=limit)
        return [member.decode() for member in cast(list[bytes], found)]

    async def outbox(self, partition: int) -> AsyncIterator[tuple[str, list[Message]]]:
        """The batches of messages that may not have been published yet, oldest first, with their versions' names."""
        found: list[bytes] = await cast(Any, self._redis.hkeys(self._outbox(partition)))
        names = [name.decode() for name in found]
        for name in sorted(names, key=number_of):
            packed = await cast(Any, self._redis.hget(self._outbox(partition), name))
            if packed is not None:
                yield name, _unpack_messages(packed)

    async def holds(self, partition: int, name: str) -> bool:
        """Whether the outbox still holds the messages of a version: if not, somebody has published them."""
        return bool(await self._redis.hexists(self._outbox(partition), name))

    async def trim(self, partition: int, *names: str) -> None:
        """Forgets the messages of these versions, which have been published."""
        await self._redis.hdel(self._outbox(partition), *names)

    def _key(self, partition: int) -> str:
        return state_key(self._stage, partition, "ledger")

    def _outbox(self, partition: int) -> str:
        return state_key(self._stage, partition, "outbox")

    def _timers(self, partition: int) -> str:
        return state_key(self._stage, partition, "timers")


def _pack_changes(changes: Changes) -> bytes:
    """As ledger.lua reads them; what is None would be no entry at all in Lua, so timers go as two kinds."""
    due = {member: moment for member, moment in changes.timers.items() if moment is not None}
    removed = [member for member, moment in changes.timers.items() if moment is None]
    put = {key: list(chain.from_iterable(fields.items())) for key, fields in changes.put.items()}
    add = {key: _pack_additions(fields) for key, fields in changes.add.items()}
    return cast(bytes, msgpack.packb([put, changes.delete, add, due, removed], use_bin_type=False))


def _pack_additions(fields: Mapping[str | bytes, Mapping[int, int] | bytes]) -> tuple[list[str | bytes], list[bytes]]:
    packed = ((name, n if isinstance(n, bytes) else pack_increments(n)) for name, n in fields.items())
    by_name = {name: increments for name, increments in packed if increments}
    return list(by_name), list(by_name.values())


def _pack_messages(messages: Sequence[Message]) -> bytes:
    return cast(bytes, msgpack.packb([tuple(message) for message in messages]))


def _unpack_messages(packed: bytes) -> list[Message]:
    return [
        Message(topic, partition, key, value, tuple((name, content) for name, content in headers))
        for topic, partition, key, value, headers in msgpack.unpackb(packed, strict_map_key=False)
    ]
