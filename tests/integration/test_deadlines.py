"""Deadlines on a real Redis and a real broker: by a clock that the test moves, and once by the clock on the wall."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis

from schemas.topics import DEADLINES, SAMPLING_EVENTS, VERDICTS
from services.deadlines import load_table, load_working_days
from services.deadlines.table import TABLE
from services.runtime import engine as engine_module
from services.runtime.batch import Batch
from services.runtime.calendar import SHANGHAI
from services.runtime.engine import Engine
from services.runtime.partitioning import home_of
from services.runtime.publisher import Publisher
from services.runtime.settings import PARTITIONS
from services.sampling.stage import SamplingStage
from tests.events import binary, sample_taken
from tests.memory import FakeRecord
from tests.system import WAIT_S, System, unique

DELIVERY = "food_sample_delivery"
RULES = load_table()
CALENDAR = load_working_days()


class Service:
    """The sampling stage in an engine of its own: it owns the partition of one sample, and its clock is `now`."""

    def __init__(self, redis: Redis, bootstrap: str, sample_id: str, now: str) -> None:
        self.sample_id, self.partition = sample_id, home_of(sample_id.encode(), PARTITIONS)
        self.to(now)
        self.publisher = Publisher(bootstrap)
        self.engine = Engine([SamplingStage(RULES, CALENDAR)], redis, self.publisher, clock=lambda: self.now)
        self.places = [(topic.name, self.partition) for topic in (SAMPLING_EVENTS, VERDICTS)]

    def to(self, now: str) -> None:
        self.now = datetime.fromisoformat(now).replace(tzinfo=SHANGHAI).timestamp()

    async def begin(self) -> None:
        positions = await self.engine.assign(self.places)
        starts = {place: position or 0 for place, position in positions.items()}
        self.engine.begin(starts, starts)

    async def takes(self, event: dict[str, Any], offset: int) -> None:
        body = {"sample_id": self.sample_id, "source": "s", "event_id": f"e{offset}"} | event
        place = self.places[0]
        record = FakeRecord(
            place[0], offset, self.sample_id.encode(), json.dumps(body).encode(), (), place[1], int(self.now * 1000)
        )
        done = asyncio.Event()
        self.engine.submit(Batch(*place, offset, offset + 1, [record]), done.set)
        await asyncio.wait_for(done.wait(), WAIT_S)

    async def end(self) -> None:
        await self.engine.release()
        await self.publisher.stop()


def taken(at: str) -> dict[str, Any]:
    return sample_taken("", sampled_at=f"{at}:00+08:00") | {"sample_id": None}


def said(system: System, sample_id: str) -> list[tuple[str, int]]:
    return [(event["phase"], event["revision"]) for event in system.messages(DEADLINES.name, sample_id)]


async def hears(system: System, sample_id: str, wanted: list[tuple[str, int]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while (found := await asyncio.to_thread(said, system, sample_id)) != wanted:
            assert len(found) <= len(wanted), found
            await asyncio.sleep(0.1)


def on(url: str, monkeypatch: pytest.MonkeyPatch, test: Callable[[Redis], Awaitable[None]]) -> None:
    monkeypatch.setattr(engine_module, "_TIMER_SECONDS", 0.05)

    async def run() -> None:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            await test(redis)

    asyncio.run(run())


def test_over_national_day_with_restarts_and_each_phase_once(
    url: str, embedded_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample_id = unique()

    async def test(redis: Redis) -> None:
        first = Service(redis, embedded_system.bootstrap, sample_id, "2026-09-29T10:00")
        await first.begin()
        await first.takes(taken("2026-09-29T10:00") | {"sample_id": sample_id}, 0)
        first.to("2026-10-11T23:59")  # October 10 is a Saturday that is worked, the 12th the last day
        await asyncio.sleep(0.5)
        await first.end()
        assert said(embedded_system, sample_id) == []

        second = Service(redis, embedded_system.bootstrap, sample_id, "2026-10-12T00:00")
        await second.begin()
        await hears(embedded_system, sample_id, [("near", 2)])
        await second.end()

        third = Service(redis, embedded_system.bootstrap, sample_id, "2026-10-20T00:00")
        await third.begin()
        await hears(embedded_system, sample_id, [("near", 2), ("passed", 4)])
        received = {"type": "SampleReceived", "lab_id": "L", "received_at": "2026-10-19T10:00:00+08:00"}
        await third.takes(received, 1)
        await hears(embedded_system, sample_id, [("near", 2), ("passed", 4), ("met", 5)])
        third.to("2026-10-25T00:00")
        await asyncio.sleep(0.5)
        await third.end()
        assert said(embedded_system, sample_id) == [("near", 2), ("passed", 4), ("met", 5)]

    on(url, monkeypatch, test)


def test_a_lost_redis_says_the_same_again_and_nothing_else(
    url: str, embedded_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample_id = unique()

    async def test(redis: Redis) -> None:
        for times in range(2):
            service = Service(redis, embedded_system.bootstrap, sample_id, "2026-03-02T10:00")
            await service.begin()
            await service.takes(taken("2026-03-02T10:00") | {"sample_id": sample_id}, 0)
            service.to("2026-03-20T00:00")
            await hears(embedded_system, sample_id, [("passed", 4)] * (times + 1))
            await service.end()
            await redis.flushall()
        first, again = embedded_system.messages(DEADLINES.name, sample_id)
        assert first == again

    on(url, monkeypatch, test)


@pytest.fixture
def hourly_system(tmp_path: Path) -> Iterator[System]:
    """The whole system with a table of its own, by which a sample has to be at the laboratory within an hour."""
    table = yaml.safe_load(TABLE.read_text("utf-8"))
    for row in table["rules"]:
        if row["id"] == DELIVERY:
            row |= {"amount": 1, "unit": "hours", "warn_before": {"amount": 1, "unit": "hours"}}
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump(table, allow_unicode=True), "utf-8")
    system = System(tmp_path, {"SAMPLEWATCH_DEADLINES": str(path)})
    try:
        system.up()
        yield system
    finally:
        system.end()


def near_its_deadline(system: System) -> tuple[str, datetime]:
    """A sample that was said to be near its deadline, and the deadline, which has not passed yet.

    Hours end with their minute: the deadline is the first full minute that lies so many seconds ahead, and more where
    it passed before the warning was looked at.
    """
    for ahead in (12, 30, 60, 120):
        sample_id, due = unique(), (datetime.now(SHANGHAI) + timedelta(seconds=60 + ahead)).replace(second=0)
        due = due.replace(microsecond=0)
        start = (due - timedelta(hours=1)).isoformat()
        system.produce([binary(sample_taken(sample_id, sampled_at=start), "/inspectors")])
        phases = system.eventually(lambda: [phase for phase, _ in said(system, sample_id)], "the warning")  # noqa: B023
        near = [row for row in system.get("sampling", "/deadlines?state=near") if row["sample_id"] == sample_id]
        if datetime.now(SHANGHAI) < due:
            assert phases == ["near"]
            assert [(row["rule"], datetime.fromisoformat(row["due_at"])) for row in near] == [(DELIVERY, due)]
            return sample_id, due
    raise AssertionError("each warning took longer than the time to the deadline")


def test_on_the_whole_system_by_the_clock_on_the_wall(hourly_system: System) -> None:
    system = hourly_system
    sample_id, due = near_its_deadline(system)

    def listed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if row["sample_id"] == sample_id]

    system.down()
    system.up()
    system.eventually(lambda: len(said(system, sample_id)) > 1, "the deadline passed")
    assert [phase for phase, _ in said(system, sample_id)] == ["near", "passed"]
    assert datetime.now(SHANGHAI) >= due
    [passed] = listed(system.json("deadlines", "list", "--state", "passed", "--rule", DELIVERY, "--region", "6210"))
    assert passed["state"] == "passed"
    assert "Sample to the laboratory" in system.cli("deadlines", "list").stdout
    assert system.get("sampling", "/deadlines?region=11") == []
    assert system.get("sampling", "/deadlines?rule=none", 400)["parameter"] == "rule"

    received = {"type": "SampleReceived", "sample_id": sample_id, "lab_id": "L"}
    system.produce([binary(received | {"received_at": datetime.now(SHANGHAI).isoformat()}, "/lims")])
    system.eventually(lambda: not listed(system.get("sampling", "/deadlines")), "the deadline is met")
    clocks = {row["rule"]: row for row in system.get("sampling", f"/deadlines?sample_id={sample_id}")}
    assert (clocks[DELIVERY]["state"], clocks[DELIVERY]["late"]) == ("met", True)
    assert clocks["food_report"]["state"] == "running"
    assert clocks["food_sampling_records"]["kind"] == "retention"
