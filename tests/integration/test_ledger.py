"""The ledger's one server-side call, on a real server; and what two workers may not do to each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from services.alerts import store as alerts_store
from services.lab_results import store as lab_store
from services.runtime.ledger import Ledger, Moved, Standing
from services.runtime.messages import Message
from services.runtime.stage import Changes, state_key
from services.sampling import store as sampling_store
from tests.ledger_world import Crash, Log, Worker, redis_server

MESSAGE = Message("out", 1, None, bytes(range(256)), (("h", b"\xff\x00"), ("none", b"")))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address


def on(url: str, test: Any) -> Any:
    """Runs `test(redis)` on an emptied server."""

    async def run() -> Any:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            return await test(redis)

    return asyncio.run(run())


async def changed(redis: Redis, changes: Changes) -> Standing:
    ledger = Ledger(redis, "t")
    return await ledger.apply(0, await ledger.standing(0), "a", 10, changes)


def test_applies_state_position_and_outbox_in_one(url: str) -> None:
    async def test(redis: Redis) -> None:
        changes = Changes(messages=[MESSAGE])
        changes.put["h"] = {b"\x00\xff": b"\xff\x00", "gone": b""}
        after = await changed(redis, changes)
        ledger = Ledger(redis, "t")
        assert await ledger.standing(0) == after
        assert (after.version, after.positions) == (1, {"a": 10})
        assert await redis.hgetall("h") == {b"\x00\xff": b"\xff\x00", b"gone": b""}  # type: ignore[misc]
        assert [entry async for entry in ledger.outbox(0)] == [(after.name, [MESSAGE])]
        again = Changes(delete={"h": ["gone", "never was"]})
        last = await ledger.apply(0, after, "b", 3, again)
        assert last.positions == {"a": 10, "b": 3}
        assert await redis.hkeys("h") == [b"\x00\xff"]  # type: ignore[misc]
        assert await ledger.holds(0, after.name) and not await ledger.holds(0, last.name)
        await ledger.trim(0, after.name)
        assert [entry async for entry in ledger.outbox(0)] == []

    on(url, test)


def test_refuses_and_changes_nothing_where_version_or_position_is_another(url: str) -> None:
    async def test(redis: Redis) -> None:
        ledger = Ledger(redis, "t")
        empty = await ledger.standing(0)
        now = await ledger.apply(0, empty, "a", 10, Changes())
        wrong = [
            empty,
            Standing(now.version, {"a": 9}, now.mark),
            Standing(now.version, {}, now.mark),
            Standing(now.version + 1, now.positions, now.mark),
            Standing(now.version, now.positions, "another"),
        ]
        for seen in wrong:
            changes = Changes(put={"h": {"f": b"v"}}, messages=[MESSAGE])
            with pytest.raises(Moved):
                await ledger.apply(0, seen, "a", 20, changes)
        assert await ledger.standing(0) == now
        assert await redis.keys() == [b"sw:{t:0}:ledger"]
        await redis.flushall()
        with pytest.raises(Moved):
            await ledger.apply(0, empty, "a", 10, Changes())

    on(url, test)


def test_goes_on_from_a_ledger_of_before_marks(url: str) -> None:
    async def test(redis: Redis) -> None:
        await redis.hset("sw:{t:0}:ledger", mapping={"version": 7, "a": 10})  # type: ignore[misc]
        await redis.hset("sw:{t:0}:outbox", "7", b"\x90")  # type: ignore[misc]
        ledger = Ledger(redis, "t")
        assert [entry async for entry in ledger.outbox(0)] == [("7", [])]
        after = await ledger.apply(0, await ledger.standing(0), "a", 11, Changes())
        assert (after.version, after.positions) == (8, {"a": 11})

    on(url, test)


@pytest.mark.parametrize("fields", [999, 1000, 1001, 25_000])
def test_large_hashes(url: str, fields: int) -> None:
    async def test(redis: Redis) -> None:
        put: dict[str | bytes, bytes] = {f"f{n}": b"%d" % n for n in range(fields)}
        await changed(redis, Changes(put={"h": put}, delete={"h": ["f0"]}))
        assert await redis.hlen("h") == fields - 1  # type: ignore[misc]
        assert await redis.hget("h", f"f{fields - 1}") == b"%d" % (fields - 1)  # type: ignore[misc]

    on(url, test)


def test_increments(url: str) -> None:
    async def test(redis: Redis) -> None:
        cells = {"new": {"d1": 2, "d2": 0}, "nothing": {"d1": 0}, "二": {"d1": -3}}
        await changed(redis, Changes(add={"i": cells}))
        assert await redis.hgetall("i:new") == {b"d1": b"2"}  # type: ignore[misc]
        assert await redis.hgetall("i:二") == {b"d1": b"-3"}  # type: ignore[misc]
        assert not await redis.exists("i:nothing")
        assert await redis.smembers("i") == {b"new", "二".encode()}  # type: ignore[misc]

    on(url, test)


def test_the_keys_of_a_partition_share_a_slot() -> None:
    for partition in range(12):
        keys = [state_key("alerts", partition, part) for part in ("ledger", "outbox")]
        keys += [f(partition) for f in (alerts_store.alerts_key, alerts_store.seen_key, alerts_store.marks_key)]
        assert len({key_slot(key.encode()) for key in keys}) == 1
    own = {key_slot(state_key("lab", 3, part).encode()) for part in ("ledger", "outbox", "cells:food|special|city:x")}
    assert own == {key_slot(lab_store.dossiers_key(3).encode())}
    assert key_slot(sampling_store.lives_key(3).encode()) == key_slot(state_key("sampling", 3, "ledger").encode())


async def two(redis: Redis) -> AsyncIterator[Any]:
    log: Log = {"a": ["x"] * 20, "b": []}
    published: list[Message] = []
    yield published
    for _ in range(2):
        worker = Worker(redis, log, published)
        await worker.open()
        yield worker


async def stopped(worker: Worker, step: str, count: int) -> asyncio.Task[None]:
    worker.steps.plan = (step, "hold")
    task = asyncio.create_task(worker.take("a", count))
    await worker.steps.held.wait()
    return task


def places(published: list[Message]) -> list[int]:
    return [int((message.value or b"").partition(b":")[2]) for message in published]


@pytest.mark.parametrize("look", ["check", "open"])
def test_what_another_worker_left_in_the_outbox_goes_first(url: str, look: str) -> None:
    async def test(redis: Redis) -> None:
        published, one, other = [part async for part in two(redis)]
        if look == "open":
            other.steps.plan = ("drain", "hold")  # it has read the outbox when the first worker applies
            opening = asyncio.create_task(other.open())
            await other.steps.held.wait()
        task = await stopped(one, "applied", 5)
        if look == "open":
            other.steps.release("go")
            await opening
        else:
            await other.check()
        one.steps.release("crash")
        with pytest.raises(Crash):
            await task
        await other.take("a", 10)
        assert places(published) == list(range(10))

    on(url, test)


def test_a_worker_trims_no_messages_but_its_own(url: str) -> None:
    async def test(redis: Redis) -> None:
        published, one, other = [part async for part in two(redis)]
        before = await stopped(one, "trim", 5)
        await redis.flushall()
        await other.check()
        after = await stopped(other, "applied", 10)
        one.steps.release("go")
        await before
        other.steps.release("crash")
        with pytest.raises(Crash):
            await after
        await one.check()
        assert set(places(published)) == set(range(10))

    on(url, test)
