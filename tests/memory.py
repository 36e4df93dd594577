"""A stage run in memory: records in, and its changes applied to dictionaries as the ledger applies them to Redis."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.runtime.messages import Message
from services.runtime.stage import Changes, Stage


@dataclass(frozen=True)
class FakeRecord:
    """A record as the consumer gives it."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int = 0
    timestamp: int = 1_775_000_000_000  # 2026-04-01


class FakeRedis:
    """As much of Redis as stages read."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, Any]] = defaultdict(dict)
        self.sets: dict[str, set[str]] = defaultdict(set)

    async def hmget(self, key: str, names: Sequence[str]) -> list[Any]:
        return [self.hashes[key].get(name) for name in names]

    def apply(self, changes: Changes) -> None:
        """What services/runtime/ledger.lua does with the changes."""
        for key, fields in changes.put.items():
            self.hashes[key].update(fields)
        for key, names in changes.delete.items():
            for name in names:
                self.hashes[key].pop(name, None)
        for index, members in changes.add.items():
            for name, increments in members.items():
                self.sets[index].add(name)
                counts = self.hashes[f"{index}:{name}"]
                for count, increment in increments.items():
                    counts[count] = counts.get(count, 0) + increment


@dataclass
class MemoryShard:
    """One partition of a stage."""

    stage: Stage[Any, Any]
    partition: int = 0
    redis: FakeRedis = field(default_factory=FakeRedis)
    messages: list[Message] = field(default_factory=list)
    version: int = 0

    def feed(self, records: Sequence[FakeRecord]) -> list[Message]:
        """Applies a batch of one topic; returns the messages that follow from it."""
        inputs = self.stage.decode(records)
        state = asyncio.run(self.stage.load(self.redis, self.partition, inputs))  # type: ignore[arg-type]
        self.version += 1
        changes = self.stage.fold(state, self.partition, inputs, self.version)
        self.redis.apply(changes)
        self.messages.extend(changes.messages)
        return changes.messages

    def of(self, topic: str) -> list[Message]:
        """The messages for one topic so far."""
        return [message for message in self.messages if message.topic == topic]
