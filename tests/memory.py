"""A stage run in memory: records in, and its changes applied to dictionaries as the ledger applies them to Redis."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from services.runtime.messages import Message
from services.runtime.packed_counts import add_packed
from services.runtime.stage import Changes, Stage, TimedStage


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
        self.timers: dict[str, int] = {}

    async def hmget(self, key: str, names: Sequence[str]) -> list[Any]:
        return [self.hashes[key].get(name) for name in names]

    async def hget(self, key: str, name: str) -> Any:
        return self.hashes[key].get(name)

    async def hgetall(self, key: str) -> dict[bytes, Any]:
        return {_bytes(name): value for name, value in self.hashes[key].items()}

    async def hkeys(self, key: str) -> list[bytes]:
        return [_bytes(name) for name in self.hashes[key]]

    async def hlen(self, key: str) -> int:
        return len(self.hashes[key])

    def apply(self, changes: Changes) -> None:
        """What services/runtime/ledger.lua does with the changes."""
        for key, fields in changes.put.items():
            self.hashes[key].update(fields)
        for key, names in changes.delete.items():
            for name in names:
                self.hashes[key].pop(name, None)
        for key, fields in changes.add.items():
            for name, given in fields.items():
                increments = given if isinstance(given, dict) else dict[int, int]()
                if isinstance(given, bytes):
                    add_packed(given, increments)
                self.hashes[key][name] = counts = added(self.hashes[key].get(name, b""), increments)
                if not counts:
                    del self.hashes[key][name]
        for member, due in changes.timers.items():
            self.timers.pop(member, None)
            if due is not None:
                self.timers[member] = due


def _bytes(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


def added(packed: bytes, increments: Mapping[int, int]) -> bytes:
    """Packed counts with the increments added, by way of numbers: the shortest form, in the order of the codes."""
    counts: dict[int, int] = {}
    add_packed(packed, counts)
    for code, n in increments.items():
        counts[code] = counts.get(code, 0) + n
    left = sorted((code, n) for code, n in counts.items() if n)
    if packed.startswith(b"\xff\xff") or any(not 0 <= n < 32 for _, n in left):
        return b"\xff\xff" * bool(left) + b"".join(pack("<HBi", code >> 3, code & 7, n) for code, n in left)
    return b"".join(pack("<HB", code >> 3, (code & 7) << 5 | n) for code, n in left)


@dataclass
class MemoryShard:
    """One partition of a stage."""

    stage: Stage[Any, Any]
    partition: int = 0
    redis: FakeRedis = field(default_factory=FakeRedis)
    messages: list[Message] = field(default_factory=list)
    version: int = 0

    def feed(self, records: Sequence[FakeRecord], *, quietly: bool = False) -> list[Message]:
        """Applies a batch of one topic; returns the messages that follow from it. quietly: as one told before."""
        inputs = self.stage.decode(records)
        state = asyncio.run(self.stage.load(self.redis, self.partition, inputs))  # type: ignore[arg-type]
        self.version += 1
        stage: Any = self.stage
        fold = stage.fold_quietly if quietly else stage.fold
        changes = fold(state, self.partition, inputs, self.version)
        self.redis.apply(changes)
        self.messages.extend(changes.messages)
        return changes.messages

    def fire(self, now: int) -> list[Message]:
        """Applies the timers that are due by `now`, in milliseconds since the epoch; returns what follows."""
        assert isinstance(self.stage, TimedStage)
        due = sorted((moment, member) for member, moment in self.redis.timers.items() if moment <= now)
        if not due:
            return []
        members = [member for _, member in due]
        state = asyncio.run(self.stage.load_due(self.redis, self.partition, members))  # type: ignore[arg-type]
        self.version += 1
        changes = self.stage.fold_due(state, self.partition, members, now, self.version)
        self.redis.apply(changes)
        assert not [member for member in members if self.redis.timers.get(member, now + 1) <= now]
        self.messages.extend(changes.messages)
        return changes.messages

    def of(self, topic: str) -> list[Message]:
        """The messages for one topic so far."""
        return [message for message in self.messages if message.topic == topic]
