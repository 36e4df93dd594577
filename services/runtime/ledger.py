"""The ledger: what has been applied of each source partition, moved in one step with the state and the outbox.

Every partition of a stage has a ledger in Redis: a version, which each applied batch raises by one, and the position
(next offset) of each source topic. A batch is applied by one server-side call that compares both with what this worker
last saw. So a batch is applied once, whoever retries it and however many workers believe they own the partition.
"""

from __future__ import annotations

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
    """Where a partition's ledger stands: its version, and the next offset of each topic (absent: from the start)."""

    version: int
    positions: Mapping[str, int]


class Moved(Exception):
    """The ledger is not where this worker saw it: another worker applied a batch, or Redis went back in time."""


class Ledger:
    """The ledgers of one stage."""

    def __init__(self, redis: Redis, stage: str) -> None:
        self._redis = redis
        self._stage = stage
        self._apply = redis.register_script(_SCRIPT)

    async def standing(self, partition: int) -> Standing:
        """Reads where the partition's ledger stands; version 0 without positions where there is none."""
        fields: dict[bytes, bytes] = await cast(Any, self._redis.hgetall(self._key(partition)))
        positions = {name.decode(): int(value) for name, value in fields.items() if name != b"version"}
        return Standing(int(fields.get(b"version", 0)), positions)

    async def apply(self, partition: int, seen: Standing, topic: str, position: int, changes: Changes) -> Standing:
        """Applies the changes, keeps the messages in the outbox and moves the topic's position; raises Moved."""
        packed = msgpack.packb([changes.put, changes.delete, changes.add], use_bin_type=False)
        outbox = _pack_messages(changes.messages) if changes.messages else b""
        before = seen.positions.get(topic, "")
        applied, version, *_ = await self._apply(
            keys=[self._key(partition), self._outbox(partition)],
            args=[seen.version, topic, before, position, packed, outbox],
        )
        if not applied:
            raise Moved(f"{self._stage} {partition}: version {int(version)}, not {seen.version}")
        return Standing(int(version), {**seen.positions, topic: position})

    async def outbox(self, partition: int) -> AsyncIterator[tuple[int, list[Message]]]:
        """The batches of messages that may not have been published yet, oldest first, with their versions."""
        versions = sorted(int(name) for name in await self._redis.hkeys(self._outbox(partition)))
        for version in versions:
            packed = await cast(Any, self._redis.hget(self._outbox(partition), str(version)))
            if packed is not None:
                yield version, _unpack_messages(packed)

    async def holds(self, partition: int, version: int) -> bool:
        """Whether the outbox still holds the messages of `version`: if not, somebody has published them."""
        return bool(await self._redis.hexists(self._outbox(partition), str(version)))

    async def trim(self, partition: int, version: int) -> None:
        """Forgets the messages of `version`, which have been published."""
        await self._redis.hdel(self._outbox(partition), str(version))

    def _key(self, partition: int) -> str:
        return state_key(self._stage, partition, "ledger")

    def _outbox(self, partition: int) -> str:
        return state_key(self._stage, partition, "outbox")


def _pack_messages(messages: Sequence[Message]) -> bytes:
    return cast(bytes, msgpack.packb([tuple(message) for message in messages]))


def _unpack_messages(packed: bytes) -> list[Message]:
    return [
        Message(topic, partition, key, value, tuple((name, content) for name, content in headers))
        for topic, partition, key, value, headers in msgpack.unpackb(packed, strict_map_key=False)
    ]
