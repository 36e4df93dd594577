"""The ledger's one server-side call, on a real server; and what two workers may not do to each other."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import ResponseError

from services.alerts import store as alerts_store
from services.lab_results import store as lab_store
from services.runtime.ledger import Ledger, Moved, Standing, follows, number_of
from services.runtime.messages import Message
from services.runtime.packed_counts import add_packed, arrays_of
from services.runtime.shard import StillDue
from services.runtime.stage import Changes, state_key
from services.sampling import store as sampling_store
from tests.ledger_world import STEPS, Crash, Log, Worker

MESSAGE = Message("out", 1, None, bytes(range(256)), (("h", b"\xff\x00"), ("none", b"")))


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


@pytest.mark.parametrize("wrong", ["put", "deleted", "added", "sw:{t:0}:outbox", "sw:{t:0}:timers"])
def test_a_key_of_another_type_is_named_and_nothing_is_changed(url: str, wrong: str) -> None:
    async def test(redis: Redis) -> None:
        await redis.set(wrong, b"no hash")
        before = await Ledger(redis, "t").standing(0)
        changes = Changes(delete={"deleted": ["f"]}, timers={"x": 1, "y": None}, messages=[MESSAGE])
        # many, so that some come before the one that is wrong in whatever order
        changes.put.update({key: {"f": b"v"} for key in ("put", *(f"put {n}" for n in range(20)))})
        changes.add.update({key: {"f": {1: 1}} for key in ("added", *(f"added {n}" for n in range(20)))})
        with pytest.raises(ResponseError, match=rf"WRONGTYPE.*: {re.escape(wrong)}$"):
            await changed(redis, changes)
        assert sorted(await redis.keys()) == sorted([b"sw:{t:0}:ledger", wrong.encode()])
        assert await Ledger(redis, "t").standing(0) == before

    on(url, test)


def test_where_counts_can_t_be_read_nothing_is_changed(url: str) -> None:
    async def test(redis: Redis) -> None:
        await redis.hset("cells", "f", b"\x01\x02\x03\x01")  # type: ignore[misc]
        changes = Changes(put={"h": {"f": b"v"}}, delete={"cells": ["gone"]}, messages=[MESSAGE])
        changes.add["cells"].update({"f": {1: 99}, "g": {1: 1}})
        with pytest.raises(ResponseError):
            await changed(redis, changes)
        assert sorted(await redis.keys()) == [b"cells", b"sw:{t:0}:ledger"]
        assert await redis.hkeys("cells") == [b"f"]  # type: ignore[misc]

    on(url, test)


def test_counts_that_are_deleted_and_added_to_begin_anew(url: str) -> None:
    async def test(redis: Redis) -> None:
        ledger = Ledger(redis, "t")
        counted = Changes(add={"cells": {"f": {1: 5}, "g": {1: 6}}})
        after = await changed(redis, counted)
        await ledger.apply(0, after, "a", 11, Changes(delete={"cells": ["f"]}, add=counted.add))
        for name, count in ("f", 5), ("g", 12):
            held: dict[int, int] = {}
            add_packed(await redis.hget("cells", name), held)  # type: ignore[misc, arg-type]
            assert held == {1: count}

    on(url, test)


def test_a_version_tells_which_it_came_from(url: str) -> None:
    async def test(redis: Redis) -> None:
        ledger = Ledger(redis, "t")

        async def applied(times: int, kept: bytes | None = None) -> list[str]:
            if kept is not None:
                await redis.restore("sw:{t:0}:ledger", 0, kept, replace=True)
            seen = await ledger.standing(0)
            assert seen == await ledger.standing(0)
            versions = [seen.name]
            for _ in range(times):
                seen = await ledger.apply(0, seen, "a", seen.version + 1, Changes())
                versions.append(seen.name)
            return versions

        first = await applied(3)
        kept = await redis.dump("sw:{t:0}:ledger")
        then = await applied(3)
        last = await applied(3)
        assert first[-1] == then[0] and then[-1] == last[0]
        line = [*first, *then[1:], *last[1:]]
        assert [number_of(name) for name in line] == list(range(10))
        for at, name in enumerate(line):
            assert not any(follows(earlier, name) for earlier in line[:at])
            # of what it came from it knows what its own worker applied, and the one before
            assert [follows(name, earlier) for earlier in line[: at + 1]] == [
                (at - 1) // 3 - (number - 1) // 3 <= 1 for number in range(at + 1)
            ]
        lost = {*then[1:], *last[1:]}
        for name in (await applied(9, kept))[1:]:
            assert follows(name, first[-1]) and not any(follows(name, other) for other in lost)

    on(url, test)


def test_nothing_follows_from_versions_of_older_releases() -> None:
    assert not follows("8", "7") and not follows("8-aa", "7") and not follows("8-aa-7-", "7")
    assert not follows("8-bb", "7-aa") and follows("9-bb-7-aa", "7-aa")


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


#: Days whose bytes can be taken for those of others where records meet.
_codes = st.sampled_from([day << 3 | kind for day in (0, 1, 256, 257, 20000, 0xFFFE) for kind in (0, 1, 7)])
_steps = st.lists(st.dictionaries(_codes, st.integers(-40, 40), min_size=1, max_size=4), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps)
def test_daily_counts_are_added_up(url: str, steps: list[dict[int, int]]) -> None:
    async def test(redis: Redis) -> None:
        wanted: dict[int, int] = {}
        for step in steps:
            await changed(redis, Changes(add={"h": {"二": step, "nothing": {8: 0}}}))
            wanted = {code: n for code in {*wanted, *step} if (n := wanted.get(code, 0) + step.get(code, 0))}
            held = await redis.hgetall("h")  # type: ignore[misc]
            assert set(held) == ({"二".encode()} if wanted else set())
            packed = held.get("二".encode(), b"")
            found: dict[int, int] = {}
            add_packed(packed, found)
            assert found == wanted
            if packed:
                codes, counts = arrays_of(packed)
                assert dict(zip(codes.tolist(), counts.tolist(), strict=True)) == wanted
                assert len(packed) in (3 * len(wanted), 2 + 7 * len(wanted))

    on(url, test)


def test_many_and_large_counts(url: str) -> None:
    async def test(redis: Redis) -> None:
        wanted = {day << 3 | kind: 1 + day % 31 for day in range(20000, 20366) for kind in (0, 5)}
        for _ in range(2):
            await changed(redis, Changes(add={"h": {"year": wanted}}))
        found: dict[int, int] = {}
        add_packed(await redis.hget("h", "year"), found)  # type: ignore[misc, arg-type]
        assert found == {code: 2 * n for code, n in wanted.items()}
        await changed(redis, Changes(add={"h": {"year": dict.fromkeys(wanted, 10**6)}}))
        codes, counts = arrays_of(await redis.hget("h", "year"))  # type: ignore[misc, arg-type]
        there = dict(zip(codes.tolist(), counts.tolist(), strict=True))
        assert there == {code: 2 * n + 10**6 for code, n in wanted.items()}

    on(url, test)


def test_timers_are_set_moved_and_removed(url: str) -> None:
    async def test(redis: Redis) -> None:
        ledger = Ledger(redis, "t")
        now = await changed(redis, Changes(timers={"二": 1_775_000_000_001, "one": 1_775_000_000_000, "never": None}))
        assert await ledger.due(0, 1_774_999_999_999, 10) == []
        assert await ledger.due(0, 1_775_000_000_001, 10) == ["one", "二"]
        assert await ledger.due(0, 1_775_000_000_001, 1) == ["one"]
        after = await ledger.apply(0, now, None, 0, Changes(timers={"二": None, "one": 1_775_000_000_002}))
        assert (after.version, after.positions) == (2, {"a": 10})
        assert await ledger.standing(0) == after
        assert await ledger.due(0, 1_775_000_000_002, 10) == ["one"]
        assert await ledger.due(0, 1_775_000_000_001, 10) == []
        with pytest.raises(Moved):
            await ledger.apply(0, now, None, 0, Changes(timers={"one": None}))

    on(url, test)


@pytest.mark.parametrize("left", [{}, {"1": 1}, {"1": 0}])
def test_a_timer_that_is_left_due_is_an_error_that_names_it(
    url: str, left: dict[str, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(redis: Redis) -> None:
        _, worker, _ = [part async for part in two(redis)]
        await worker.take("a", 3)
        monkeypatch.setattr(worker.shard.stage, "fold_due", lambda *_: Changes(timers={"0": None, **left}))
        with pytest.raises(StillDue, match=r"count 0: 1 \(1 in all\)"):
            await worker.fire(1)
        assert await redis.zcard(state_key("count", 0, "timers")) == 3

    on(url, test)


@pytest.mark.parametrize("then", ["crash", "fail"])
@pytest.mark.parametrize("step", STEPS)
def test_a_timer_fires_once_whatever_fails_on_the_way(url: str, step: str, then: str) -> None:
    async def test(redis: Redis) -> None:
        published, one, other = [part async for part in two(redis)]
        await one.take("a", 2)
        await other.check()
        one.steps.plan = (step, then)
        with contextlib.suppress(Crash):
            await one.fire(0)
        await other.check()
        await other.fire(0)
        fired: dict[int, int] = {}
        add_packed(await redis.hget(state_key("count", 0, "cells"), "fired"), fired)  # type: ignore[misc, arg-type]
        assert fired == {0: 1}
        assert {message.value for message in published} == {b"a:0", b"a:1", b"fired:0:1"}
        assert not await redis.exists(state_key("count", 0, "outbox"))

    on(url, test)


def test_the_keys_of_a_partition_share_a_slot() -> None:
    for partition in range(12):
        keys = [state_key("alerts", partition, part) for part in ("ledger", "outbox", "timers")]
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


def test_what_is_published_leaves_the_outbox_with_the_next_batch_or_when_none_follows(url: str) -> None:
    async def test(redis: Redis) -> None:
        _, worker, _ = [part async for part in two(redis)]
        outbox = state_key("count", 0, "outbox")
        for _ in range(3):
            await worker.take("a", 4, more=True)
            assert await redis.hlen(outbox) == 1  # type: ignore[misc]
        await worker.take("a", 4)
        assert not await redis.exists(outbox)

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
