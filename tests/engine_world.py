"""An engine in this process, on a real Redis, with the counting stage and a clock that the test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from services.runtime import engine as engine_module
from services.runtime.batch import Batch
from services.runtime.engine import Engine, Place
from services.runtime.messages import Message
from services.runtime.stage import Record
from tests.ledger_world import CountingStage, Recorder, Steps
from tests.memory import FakeRecord
from tests.system import WAIT_S

SET, REMOVE = ("a", 0), ("b", 0)


class Process:
    """An engine that owns partition 0 of the counting stage; its clock stands at `now`, in milliseconds."""

    def __init__(self, redis: Redis) -> None:
        self.now = 0
        self.published: list[Message] = []
        self.steps = Steps()
        self.errors: list[BaseException] = []
        self.stage = CountingStage(self.steps.reach)
        publisher: Any = Recorder(self.published, self.steps)
        self.engine = Engine([self.stage], redis, publisher, clock=lambda: self.now / 1000)
        self.engine.seek = self.go_back
        self.engine.on_fatal = self.errors.append
        self.ends = {SET: 3, REMOVE: 1}

    async def begin(self) -> None:
        positions = await self.engine.assign([SET, REMOVE])
        await self.go_back(positions)

    async def go_back(self, positions: Mapping[Place, int | None]) -> None:
        self.engine.begin({place: position or 0 for place, position in positions.items()}, self.ends)

    async def takes(self, place: Place, start: int, end: int) -> None:
        await self.takes_records(place, [FakeRecord(place[0], offset, b"x", b"") for offset in range(start, end)])

    async def takes_records(self, place: Place, records: Sequence[Record]) -> None:
        done = asyncio.Event()
        self.engine.submit(Batch(*place, records[0].offset, records[-1].offset + 1, records), done.set)
        await asyncio.wait_for(done.wait(), WAIT_S)

    def fired(self) -> list[str]:
        return [text for m in self.published if (text := (m.value or b"").decode()).startswith("fired")]


def on(url: str, monkeypatch: pytest.MonkeyPatch, test: Callable[[Redis, Process], Awaitable[None]]) -> None:
    monkeypatch.setattr(engine_module, "_TIMER_SECONDS", 0.01)

    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            process = Process(redis)
            await process.begin()
            await test(redis, process)
            await process.engine.release()

    asyncio.run(run())


async def soon(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.005)
