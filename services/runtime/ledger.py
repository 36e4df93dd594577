"""The ledger: what has been applied of each source partition, moved in one step with the state and the outbox.

Every partition of a stage has a ledger in Redis: a version, which each applied batch raises by one, and the position
(next offset) of each source topic. A batch is applied by one server-side call that compares both with what this worker
last saw. So a batch is applied once, whoever retries it and however many workers believe they own the partition.

A version is a number and a random mark. The number alone would not do: after Redis went back in time another worker
applies other batches under the same numbers, and a worker that slept meanwhile could apply what it computed from the
lost state, or take the other's messages for its own and trim them unpublished.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgpack
from redis.asyncio import Redis

from services.runtime.messages import Message
from services.runtime.stage import Changes, state_key

_SCRIPT = Path(__file__).with_name("ledger.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partition's ledger stands: its version, and the next offset of each topic (absent: from the start).

    `version` counts the applied batches, `mark` tells this version from any other that had the same number.
    """

    version: int
    positions: Mapping[str, int]
    mark: str = ""

    @property
    def name(self) -> str:
        """The version as Redis holds it; ledgers of before marks have the number alone."""
        return f"{self.version}-{self.mark}" if self.mark else str(self.version)


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
        return Standing(int(version), positions, mark)

    async def apply(self, partition: int, seen: Standing, topic: str, position: int, changes: Changes) -> Standing:
        """Applies the changes, keeps the messages in the outbox and moves the topic's position; raises Moved."""
        packed = msgpack.packb([changes.put, changes.delete, changes.add], use_bin_type=False)
        outbox = _pack_messages(changes.messages) if changes.messages else b""
        before = seen.positions.get(topic, "")
        after = Standing(seen.version + 1, {**seen.positions, topic: position}, _new_mark())
        applied, version, *_ = await self._apply(
            keys=[self._key(partition), self._outbox(partition)],
            args=[seen.name, topic, before, position, packed, outbox, after.name],
        )
        if not applied:
            raise Moved(f"{self._stage} {partition}: version {cast(bytes, version).decode()}, not {seen.name}")
        return after

    async def outbox(self, partition: int) -> AsyncIterator[tuple[str, list[Message]]]:
        """The batches of messages that may not have been published yet, oldest first, with their versions' names."""
        found: list[bytes] = await cast(Any, self._redis.hkeys(self._outbox(partition)))
        names = [name.decode() for name in found]
        for name in sorted(names, key=lambda name: int(name.partition("-")[0])):
            packed = await cast(Any, self._redis.hget(self._outbox(partition), name))
            if packed is not None:
                yield name, _unpack_messages(packed)

    async def holds(self, partition: int, name: str) -> bool:
        """Whether the outbox still holds the messages of a version: if not, somebody has published them."""
        return bool(await self._redis.hexists(self._outbox(partition), name))

    async def trim(self, partition: int, name: str) -> None:
        """Forgets the messages of a version, which have been published."""
        await self._redis.hdel(self._outbox(partition), name)

    def _key(self, partition: int) -> str:
        return state_key(self._stage, partition, "ledger")

    def _outbox(self, partition: int) -> str:
        return state_key(self._stage, partition, "outbox")


def _new_mark() -> str:
    return os.urandom(4).hex()


def _pack_messages(messages: Sequence[Message]) -> bytes:
    return cast(bytes, msgpack.packb([tuple(message) for message in messages]))


def _unpack_messages(packed: bytes) -> list[Message]:
    return [
        Message(topic, partition, key, value, tuple((name, content) for name, content in headers))
        for topic, partition, key, value, headers in msgpack.unpackb(packed, strict_map_key=False)
    ]
