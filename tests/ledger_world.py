"""What the tests of ledger and shard play with: a Redis server, a counting stage, and a worker that can be stopped at,
or killed between, any two steps of the apply procedure."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from deploy.embedded.ports import Ports
from deploy.embedded.process import spawn, stop
from deploy.embedded.redis import Redis as Server
from services.runtime.ledger import Ledger, Standing
from services.runtime.messages import Message
from services.runtime.packed_counts import add_packed
from services.runtime.shard import Batch, RolledBack, Shard
from services.runtime.stage import Changes, Record, Replay, state_key
from tests.memory import FakeRecord
from tests.system import WAIT_S

TOPICS = ("a", "b")
#: The steps of services/runtime/shard.py between which a worker may end, and those by which it takes over.
STEPS = ("load", "apply", "applied", "publish", "trim", "trimmed")
TAKE_OVER_STEPS = ("standing", "drain", "publish", "trim", "trimmed")
#: For each topic its offsets: the key of the record there, or None where the offset holds no record.
Log = dict[str, list[str | None]]


@contextlib.contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """The URL of an empty server that ends with the block."""
    server = Server(directory)
    server.prepare(Ports(directory))
    process = spawn("redis", server.command(), logs=directory)
    try:
        deadline = time.monotonic() + WAIT_S
        while not server.ready():
            assert process.poll() is None and time.monotonic() < deadline, "no Redis server"
            time.sleep(0.02)
        yield server.address
    finally:
        stop([process], 10)


class CountingStage:
    """Counts the records of each key in two ways, by a read total and by an increment, and tells of each record.

    The record at offset n of `a` sets a timer, for the moment n; that at offset n of `b` removes it. Timers fire at the
    second go: the first only moves them. Each time they are counted.
    """

    name = "count"
    topics = TOPICS
    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, reach: Callable[[str], Awaitable[None]]) -> None:
        self._reach = reach

    def decode(self, records: Sequence[Record]) -> list[Record]:
        return list(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Record]) -> dict[bytes, int]:
        keys = sorted({record.key or b"" for record in inputs})
        totals = await redis.hmget(state_key(self.name, partition, "totals"), keys)  # type: ignore[misc]
        await self._reach("load")
        return {key: int(total or 0) for key, total in zip(keys, totals, strict=True)}

    def fold(self, state: dict[bytes, int], partition: int, inputs: Sequence[Record], version: int) -> Changes:
        totals, changes, added = dict(state), Changes(), defaultdict[str, dict[int, int]](lambda: defaultdict(int))
        for record in inputs:
            key = record.key or b""
            totals[key] += 1
            counts = added[key.decode()]
            counts[TOPICS.index(record.topic)] += 1
            counts[7] += 0
            place = f"{record.topic}:{record.offset}".encode()
            changes.messages.append(Message("out", 0, key, place, (("version", b"%d" % version),)))
            changes.timers[f"{record.offset}"] = record.offset if record.topic == "a" else None
        changes.add[state_key(self.name, partition, "cells")].update(added)
        changes.put[state_key(self.name, partition, "totals")].update(
            {key: b"%d" % total for key, total in totals.items()}
        )
        return changes

    async def load_due(self, redis: Redis, partition: int, members: Sequence[str]) -> dict[bytes, int]:
        fired: dict[int, int] = {}
        add_packed(await redis.hget(state_key(self.name, partition, "cells"), "fired"), fired)  # type: ignore[misc, arg-type]
        await self._reach("load")
        return {member.encode(): fired.get(int(member), 0) for member in members}

    def fold_due(
        self, state: dict[bytes, int], partition: int, members: Sequence[str], now: int, version: int
    ) -> Changes:
        changes, fired = Changes(), defaultdict[int, int](int)
        for member in members:
            times = state[member.encode()] + 1
            fired[int(member)] += 1
            changes.timers[member] = None if times == 2 else now + 1
            place = f"fired:{member}:{times}".encode()
            changes.messages.append(Message("out", 0, b"", place, (("version", b"%d" % version),)))
        changes.add[state_key(self.name, partition, "cells")]["fired"] = fired
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered."""


class Crash(BaseException):
    """The worker's process ends here."""


class Steps:
    """Decides what happens when a worker comes to a step: nothing, an error, the end, or a pause."""

    def __init__(self) -> None:
        self.plan: tuple[str, str] | None = None
        self.at = ""
        self.held = asyncio.Event()
        self._go = asyncio.Event()
        self._then = "go"

    def release(self, then: str) -> None:
        """Lets a held worker go on, fail or end."""
        self._then = then
        self.held.clear()
        self._go.set()

    async def reach(self, step: str) -> None:
        """Called by the worker at each step."""
        if self.plan is None or self.plan[0] != step:
            return
        (_, what), self.plan = self.plan, None
        self.at = step
        if what == "hold":
            self._go.clear()
            self.held.set()
            await self._go.wait()
            what = self._then
        if what == "crash":
            raise Crash
        if what == "fail":
            raise KafkaError(step) if step == "publish" else RedisError(step)


class StoppableLedger(Ledger):
    """The ledger, with the steps around its calls."""

    def __init__(self, redis: Redis, stage: str, steps: Steps) -> None:
        super().__init__(redis, stage)
        self._steps = steps

    async def standing(self, partition: int) -> Standing:
        standing = await super().standing(partition)
        await self._steps.reach("standing")
        return standing

    async def apply(self, *args: Any) -> Standing:
        await self._steps.reach("apply")
        after = await super().apply(*args)
        await self._steps.reach("applied")
        return after

    async def outbox(self, partition: int) -> AsyncIterator[Any]:
        async for entry in super().outbox(partition):
            await self._steps.reach("drain")
            yield entry
        await self._steps.reach("drain")

    async def trim(self, partition: int, *names: str) -> None:
        await self._steps.reach("trim")
        await super().trim(partition, *names)
        await self._steps.reach("trimmed")


class Recorder:
    """In the publisher's place: keeps what was published. The step `publish` lies in the middle of the messages."""

    def __init__(self, published: list[Message], steps: Steps) -> None:
        self._published = published
        self._steps = steps

    async def publish(self, messages: Sequence[Message]) -> None:
        middle = len(messages) // 2
        self._published.extend(messages[:middle])
        await self._steps.reach("publish")
        self._published.extend(messages[middle:])


class Worker:
    """A process that owns the partition, or believes so. `reads` is where its consumer stands."""

    def __init__(self, redis: Redis, log: Log, published: list[Message]) -> None:
        self.steps = Steps()
        self.reads: dict[str, int] | None = None
        self.rollbacks = 0
        self._log = log
        ledger = StoppableLedger(redis, "count", self.steps)
        self.shard = Shard(CountingStage(self.steps.reach), 0, redis, ledger, Recorder(published, self.steps))  # type: ignore[arg-type]

    async def open(self) -> None:
        """Takes the partition over."""
        await self._persist(self.shard.open, again=self.shard.open)
        self._read_from(self.shard.positions)

    async def take(self, topic: str, count: int, *, more: bool = False) -> None:
        """Fetches up to `count` offsets and applies them, as services/runtime/engine.py does; `more`: others wait."""
        assert self.reads is not None
        start = self.reads[topic]
        keys = self._log[topic][start : start + count]
        records = [FakeRecord(topic, start + n, key.encode(), b"") for n, key in enumerate(keys) if key is not None]
        batch = Batch(topic, 0, start, start + len(keys), records)
        try:
            await self._persist(lambda: self.shard.apply(batch), again=self.shard.reopen)
            if not more:
                await self._persist(self.shard.tidy, again=self.shard.reopen)
        except RolledBack as back:
            self.rollbacks += 1
            self._read_from(back.positions)
        else:
            self.reads[topic] = batch.end

    async def fire(self, now: int) -> None:
        """Applies the timers that are due, as services/runtime/engine.py does."""

        async def apply() -> None:
            if not await self.shard.apply_due(now):
                await self.shard.tidy()

        await self._noticing(apply, again=self.shard.reopen)

    async def check(self) -> None:
        """Looks whether Redis went back in time."""
        await self._noticing(self.shard.check, again=self.shard.check)

    async def _noticing(self, action: Callable[[], Awaitable[Any]], again: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self._persist(action, again)
        except RolledBack as back:
            self.rollbacks += 1
            self._read_from(back.positions)

    def _read_from(self, positions: Mapping[str, int]) -> None:
        self.reads = {topic: positions.get(topic, 0) for topic in TOPICS}

    async def _persist(self, action: Callable[[], Awaitable[Any]], again: Callable[[], Awaitable[Any]]) -> None:
        failed = False
        while True:
            try:
                if failed and again != action:
                    await again()
                await action()
                return
            except (RedisError, KafkaError):
                failed = True
