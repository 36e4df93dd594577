"""When the engine lets timers fire, by a clock that the test sets; on a real Redis."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from services.runtime.shard import StillDue
from services.runtime.stage import Changes, state_key
from tests.engine_world import REMOVE, SET, Process, on, soon


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
