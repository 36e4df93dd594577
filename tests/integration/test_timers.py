"""When the engine lets timers fire, by a clock that the test sets; on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from services.runtime import engine as engine_module
from services.runtime.batch import Batch
from services.runtime.engine import Engine, Place
from services.runtime.messages import Message
from services.runtime.shard import StillDue
from services.runtime.stage import Changes, state_key
from tests.ledger_world import CountingStage, Recorder, Steps, redis_server
from tests.memory import FakeRecord
from tests.system import WAIT_S

SET, REMOVE = ("a", 0), ("b", 0)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address


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
        records = [FakeRecord(place[0], offset, b"x", b"") for offset in range(start, end)]
        done = asyncio.Event()
        self.engine.submit(Batch(*place, start, end, records), done.set)
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


def test_timers_wait_until_all_that_was_there_is_applied(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(redis: Redis, process: Process) -> None:
        process.now = 100
        await process.takes(SET, 0, 3)
        await asyncio.sleep(0.1)
        assert process.fired() == []
        await process.takes(REMOVE, 0, 1)  # removes the timer 0
        await soon(lambda: len(process.fired()) == 2)
        process.now = 101
        await soon(lambda: len(process.fired()) == 4)
        await asyncio.sleep(0.05)
        assert process.fired() == ["fired:1:1", "fired:2:1", "fired:1:2", "fired:2:2"]
        assert not await redis.exists(state_key("count", 0, "timers"))

    on(url, monkeypatch, test)


def test_timers_fire_when_they_are_due(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(_: Redis, process: Process) -> None:
        process.ends = dict.fromkeys(process.ends, 0)
        await process.begin()
        await process.takes(SET, 0, 3)
        await soon(lambda: process.fired() == ["fired:0:1"])
        await asyncio.sleep(0.05)
        process.now = 1
        await soon(lambda: process.fired() == ["fired:0:1", "fired:0:2", "fired:1:1"])

    on(url, monkeypatch, test)


def test_another_process_goes_on_with_the_timers(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(redis: Redis, process: Process) -> None:
        await process.takes(SET, 0, 3)
        await process.takes(REMOVE, 0, 1)
        await process.engine.release()
        other = Process(redis)
        other.now = 2
        await other.begin()
        await soon(lambda: other.fired() == ["fired:1:1", "fired:2:1"])
        await other.engine.release()
        assert process.fired() == []

    on(url, monkeypatch, test)


def test_more_than_are_applied_at_once_come_in_turn(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runtime.shard._DUE_AT_ONCE", 10)

    async def test(redis: Redis, process: Process) -> None:
        process.ends = dict.fromkeys(process.ends, 0)
        process.now = 1000
        await process.begin()
        await process.takes(SET, 0, 95)
        await soon(lambda: len(process.fired()) == 95)
        assert len({*process.fired()}) == 95

    on(url, monkeypatch, test)


def test_a_rollback_is_noticed_and_timers_wait_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(redis: Redis, process: Process) -> None:
        await process.takes(SET, 0, 3)
        await process.takes(REMOVE, 0, 1)
        ledger = state_key("count", 0, "ledger")
        before = await redis.dump(ledger)
        process.ends = {SET: 5, REMOVE: 1}
        await process.takes(SET, 3, 5)
        await redis.restore(ledger, 0, before, replace=True)
        process.now = 100
        await asyncio.sleep(0.2)  # the ledger has fallen back, and two records are to come again
        assert process.fired() == []
        await process.takes(SET, 3, 5)
        await soon(lambda: len(process.fired()) == 4)

    on(url, monkeypatch, test)


def test_a_timer_left_due_ends_the_process(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(_: Redis, process: Process) -> None:
        monkeypatch.setattr(process.stage, "fold_due", lambda *_: Changes())
        await process.takes(SET, 0, 3)
        await process.takes(REMOVE, 0, 1)
        process.now = 100
        await soon(lambda: bool(process.errors))
        assert isinstance(process.errors[0], StillDue)

    on(url, monkeypatch, test)
