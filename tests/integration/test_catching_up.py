"""What an engine does while it catches up: who waits for whom, and what is told again. On a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from services.runtime.batch import Batch
from services.runtime.engine import Engine, Place
from services.runtime.ledger import Ledger
from services.runtime.messages import Message
from services.runtime.stage import Changes, Record, Replay, state_key
from tests.engine_world import soon
from tests.ledger_world import Recorder, Steps
from tests.memory import FakeRecord


class Follower:
    """Says of each record where it lay, and keeps that."""

    replay = Replay.ANY
    pause_seconds = 0.0

    def __init__(self, name: str, *topics: str) -> None:
        self.name, self.topics = name, topics

    def decode(self, records: Sequence[Record]) -> list[Record]:
        return list(records)

    async def load(self, redis: Redis, partition: int, inputs: Sequence[Record]) -> None:
        """Nothing is needed."""

    def fold(self, state: Any, partition: int, inputs: Sequence[Record], version: int) -> Changes:
        changes = self.fold_quietly(state, partition, inputs, version)
        changes.messages += [Message("out", 0, b"", place(record), ()) for record in inputs]
        return changes

    def fold_quietly(self, state: Any, partition: int, inputs: Sequence[Record], version: int) -> Changes:
        changes = Changes(quiet=True)
        changes.put[state_key(self.name, partition, "kept")].update({place(record): b"" for record in inputs})
        return changes

    def forget(self, partition: int) -> None:
        """Nothing is remembered."""


class Background(Follower):
    """The same, in no hurry."""

    def __init__(self, name: str, *topics: str) -> None:
        super().__init__(name, *topics)
        self.give_way: Callable[[], Awaitable[None]] = partial(asyncio.sleep, 0)


def place(record: Record) -> bytes:
    return f"{record.topic}{record.offset}".encode()


A, B, C = ("a", 0), ("b", 0), ("c", 0)


class World:
    """An engine of a follower of two topics, and of one of a third in the background."""

    def __init__(self, redis: Redis) -> None:
        self.published: list[Message] = []
        publisher: Any = Recorder(self.published, Steps())
        self.engine = Engine([Follower("first", "a", "b"), Background("later", "c")], redis, publisher)

    async def begin(self, ends: Mapping[Place, int], told: Mapping[Place, int] | None = None) -> None:
        positions = await self.engine.assign(ends)
        self.engine.begin({one: position or 0 for one, position in positions.items()}, ends, told)

    def submit(self, of: Place, start: int, end: int) -> None:
        records = [FakeRecord(of[0], offset, b"x", b"") for offset in range(start, end)]
        self.engine.submit(Batch(*of, start, end, records), lambda: None)

    @property
    def said(self) -> list[str]:
        return [(message.value or b"").decode() for message in self.published]


def on(url: str, test: Callable[[Redis, World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            world = World(redis)
            await test(redis, world)
            await world.engine.release()

    asyncio.run(run())


def test_the_background_begins_when_the_others_have_caught_up(url: str) -> None:
    async def test(_: Redis, world: World) -> None:
        await world.begin({A: 2, B: 1, C: 2})
        world.submit(C, 0, 2)
        world.submit(A, 0, 2)
        await soon(lambda: world.said == ["a0", "a1"])
        await asyncio.sleep(0.3)
        assert world.said == ["a0", "a1"]
        assert world.engine.progress()[C].paused, "or the process would end as one that stands still"
        world.submit(B, 0, 1)
        await soon(lambda: world.engine.ready)
        assert world.said == ["a0", "a1", "b0", "c0", "c1"]
        # caught up once is enough: live, nobody waits for what lags
        assert not world.engine.progress()[C].paused

    on(url, test)


@pytest.mark.parametrize("told", [(0, 0), (3, 2), (3, 0), (1, 3)])
def test_what_was_told_is_applied_first_and_not_told_again(url: str, told: tuple[int, int]) -> None:
    async def test(redis: Redis, world: World) -> None:
        await world.begin({A: 4, B: 3, C: 0}, {A: told[0], B: told[1]})
        for start in range(4):
            world.submit(A, start, start + 1)
        world.submit(B, 0, 3)
        await soon(lambda: world.engine.ready)
        untold = [f"a{offset}" for offset in range(told[0], 4)] + [f"b{offset}" for offset in range(told[1], 3)]
        assert sorted(world.said) == sorted(untold)
        assert await redis.hlen(state_key("first", 0, "kept")) == 7  # type: ignore[misc]

    on(url, test)


def test_where_one_topic_went_beyond_what_was_told_all_is_told(url: str) -> None:
    async def test(_: Redis, world: World) -> None:
        await world.begin({A: 3, B: 0, C: 0})
        world.submit(A, 0, 3)
        await soon(lambda: world.engine.ready)
        # another process goes on: the state rests on a record of which it is not known that it was told
        await world.begin({A: 3, B: 2, C: 0}, {A: 2, B: 2})
        world.submit(B, 0, 2)
        await soon(lambda: world.engine.ready)
        assert world.said == ["a0", "a1", "a2", "b0", "b1"]

    on(url, test)


def test_what_an_old_outbox_says_again_is_followed_by_what_came_after_it(url: str) -> None:
    async def test(redis: Redis, world: World) -> None:
        # Redis lost its tail: what it still holds in the outbox says less than Kafka has by now
        ledger = Ledger(redis, "first")
        left = Changes(messages=[Message("out", 0, b"", b"a0", ())])
        await ledger.apply(0, await ledger.standing(0), "a", 1, left)
        await world.begin({A: 3, B: 0, C: 0}, {A: 3, B: 0})
        world.submit(A, 1, 3)
        await soon(lambda: world.engine.ready)
        assert world.said == ["a0", "a1", "a2"]

    on(url, test)
