"""What an engine does while its partitions change hands, or Redis loses what a worker has just applied."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from services.runtime import engine as engine_module
from services.runtime import shard as shard_module
from services.runtime.batch import Batch
from services.runtime.engine import Engine, Place
from services.runtime.ledger import Ledger
from services.runtime.liveness import Liveness, watch_progress
from services.runtime.messages import Message
from services.runtime.metrics import ROLLBACKS
from services.runtime.shard import RolledBack, Shard
from services.runtime.stage import Changes
from tests.engine_world import REMOVE, SET, soon
from tests.ledger_world import CountingStage, Recorder, Steps
from tests.memory import FakeRecord


class Slow:
    """A publisher that answers its first call only when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self._asked = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if not self._asked:
            self._asked = True
            await self.may.wait()


def test_a_wiped_redis_is_noticed_after_a_rebalance_in_the_middle_of_a_look(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_CHECK_SECONDS", 0.01)
    looking, go_on, check = asyncio.Event(), asyncio.Event(), Shard.check

    async def slow_check(self: Shard) -> None:
        looking.set()
        await go_on.wait()
        await check(self)

    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            publisher: Any = Recorder([], Steps())
            engine = Engine([CountingStage(Steps().reach)], redis, publisher)

            async def seek(positions: Mapping[Place, int | None]) -> None:
                engine.begin({place: position or 0 for place, position in positions.items()}, dict.fromkeys(places, 0))

            engine.seek = seek
            places = [(topic, partition) for topic in ("a", "b") for partition in range(2)]
            await seek(await engine.assign(places))
            done = [asyncio.Event() for _ in range(2)]
            for partition, applied in enumerate(done):
                engine.submit(Batch("a", partition, 0, 1, [FakeRecord("a", 0, b"x", b"")]), applied.set)
                await applied.wait()
            monkeypatch.setattr(Shard, "check", slow_check)
            watching = asyncio.create_task(engine.watch())
            await looking.wait()
            rebalance = asyncio.create_task(engine.assign(places))
            await asyncio.sleep(0.05)
            go_on.set()
            await seek(await rebalance)
            rollbacks = ROLLBACKS.labels("count")._value.get()
            await redis.flushall()
            await soon(lambda: ROLLBACKS.labels("count")._value.get() >= rollbacks + 2 and engine.ready)
            watching.cancel()
            await engine.release()

    asyncio.run(run())


async def _leaves_a_message(redis: Redis) -> None:
    ledger = Ledger(redis, CountingStage(Steps().reach).name)
    left = Changes(messages=[Message("out", 0, b"", b"left", ())])
    await ledger.apply(0, await ledger.standing(0), "a", 1, left)


def _on_slow(url: str, test: Callable[[Engine, Slow, asyncio.Task[Any]], Awaitable[None]]) -> None:
    """With a process that takes over a partition whose outbox Kafka does not take yet."""

    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            await _leaves_a_message(redis)
            publisher: Any = Slow()
            engine = Engine([CountingStage(Steps().reach)], redis, publisher)
            taking_over = asyncio.create_task(engine.assign([SET, REMOVE]))
            await asyncio.sleep(0.1)
            await test(engine, publisher, taking_over)
            await engine.release()

    asyncio.run(run())


def test_a_process_that_does_not_know_yet_where_to_read_is_not_ready(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_CHECK_SECONDS", 0.01)

    async def test(engine: Engine, publisher: Slow, taking_over: asyncio.Task[Any]) -> None:
        watching = asyncio.create_task(engine.watch())
        await asyncio.sleep(0.1)
        assert not taking_over.done() and not engine.ready
        publisher.may.set()
        engine.begin({place: position or 0 for place, position in (await taking_over).items()}, {SET: 1, REMOVE: 0})
        await soon(lambda: engine.ready)
        watching.cancel()

    _on_slow(url, test)


def test_a_seek_of_one_partition_makes_no_process_ready_that_still_takes_over_others(url: str) -> None:
    async def test(engine: Engine, publisher: Slow, taking_over: asyncio.Task[Any]) -> None:
        engine.begin({}, {})  # Redis went back in time under what was given away meanwhile
        assert not engine.ready
        engine.begin({SET: 0}, {SET: 0})
        assert not engine.ready
        publisher.may.set()
        engine.begin({place: position or 0 for place, position in (await taking_over).items()}, {SET: 1, REMOVE: 0})
        assert engine.ready

    _on_slow(url, test)


def test_a_process_ends_that_takes_over_partitions_for_ever(url: str) -> None:
    async def test(engine: Engine, publisher: Slow, taking_over: asyncio.Task[Any]) -> None:
        ends: list[BaseException] = []
        questions = {"the take-over of partitions": engine.taken_over}
        watching = asyncio.create_task(watch_progress(Liveness(0.4), engine.progress, questions, ends.append))
        await soon(lambda: bool(ends))
        assert "the take-over of partitions has not answered for" in str(ends[0])
        publisher.may.set()
        engine.begin({place: position or 0 for place, position in (await taking_over).items()}, {SET: 1, REMOVE: 0})
        await asyncio.sleep(0.5)
        ends.clear()
        await asyncio.sleep(1)
        assert not ends
        watching.cancel()

    _on_slow(url, test)


def test_a_process_that_was_given_nothing_yet_takes_nothing_over(url: str) -> None:
    async def run() -> None:
        async with Redis.from_url(url) as redis:
            publisher: Any = Slow()
            await Engine([CountingStage(Steps().reach)], redis, publisher).taken_over()

    asyncio.run(run())


def test_what_is_given_away_while_it_is_taken_over_is_no_error(url: str) -> None:
    async def test(engine: Engine, publisher: Slow, taking_over: asyncio.Task[Any]) -> None:
        await engine.release()
        publisher.may.set()
        assert await taking_over == {}

    _on_slow(url, test)


def test_a_batch_that_redis_lost_before_it_was_published_is_not_done(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            published: list[Message] = []
            stage = CountingStage(Steps().reach)
            publisher: Any = Recorder(published, Steps())
            shard = Shard(stage, 0, redis, Ledger(redis, stage.name), publisher)
            await shard.open()
            follow = shard._follow

            async def follow_later(changes: Changes, asked_at: float) -> None:
                # the host stands still, and Redis comes back without what it wrote last
                await redis.flushall()
                await follow(changes, asked_at - shard_module._FENCE_SECONDS - 1)

            monkeypatch.setattr(shard, "_follow", follow_later)
            with pytest.raises(RolledBack):
                await shard.apply(Batch(*SET, 0, 1, [FakeRecord(SET[0], 0, b"x", b"")]))
            assert not published

    asyncio.run(run())
