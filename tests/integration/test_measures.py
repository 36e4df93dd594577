"""What was applied is measured once, whatever went wrong on the way."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from tests.ledger_world import STEPS, Worker

RECORDS = 7


def measured(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"stage": "count", **labels}) or 0


@pytest.mark.parametrize("step", [None, *STEPS])
def test_each_record_is_measured_once_though_a_step_failed(url: str, step: str | None) -> None:
    async def test() -> tuple[float, float]:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            worker = Worker(redis, {"a": [f"k{n}" for n in range(RECORDS)], "b": []}, [])
            await worker.open()
            events = measured("samplewatch_events_total")
            ages = measured("samplewatch_record_seconds_count", topic="a")
            worker.steps.plan = (step, "fail") if step else None
            await worker.take("a", RECORDS)
            assert worker.shard.unpublished is None
            return (
                measured("samplewatch_events_total") - events,
                measured("samplewatch_record_seconds_count", topic="a") - ages,
            )

    assert asyncio.run(test()) == (RECORDS, RECORDS)


def test_what_is_read_again_says_nothing_of_its_age(url: str) -> None:
    async def test() -> float:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            worker = Worker(redis, {"a": [f"k{n}" for n in range(RECORDS)], "b": []}, [])
            await worker.open()
            worker.shard.again["a"] = RECORDS - 2
            ages = measured("samplewatch_record_seconds_count", topic="a")
            await worker.take("a", RECORDS)
            return measured("samplewatch_record_seconds_count", topic="a") - ages

    assert asyncio.run(test()) == 2
