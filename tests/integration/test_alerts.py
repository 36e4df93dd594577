"""Alerts in a real Redis: the index that GET /alerts answers from follows what the ledger applies, whatever happens."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.topics import VERDICTS
from services.alerts import store
from services.alerts.index import AlertIndex, alerts_of
from services.alerts.query import alert, alerts
from services.alerts.stage import AlertsStage
from services.runtime.ledger import Ledger, Standing
from services.runtime.parameters import BadParameter
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes
from tests.memory import FakeRecord
from tests.unit.test_alerts import HOUR, LEAD, NOW, SALMONELLA, order, verdict

STAGE = AlertsStage()


class World:
    """The alerts stage applied to a real Redis, some partitions of it, by one owner after the other."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.ledger = redis, Ledger(redis, store.STAGE)
        self.events: dict[str, bytes] = {}
        self.offset = 0
        self.standings: dict[int, Standing] = {}

    async def taken_over(self) -> None:
        """A new owner sees where the partitions stand, as an old one does after Redis went back in time."""
        self.standings = {partition: await self.ledger.standing(partition) for partition in range(PARTITIONS)}

    async def copy(self) -> tuple[dict[bytes, bytes], dict[str, bytes]]:
        """What Redis holds, and what the topic says."""
        return {key: await self.redis.dump(key) for key in await self.redis.keys()}, dict(self.events)

    async def fall_back(self, copied: tuple[dict[bytes, bytes], dict[str, bytes]]) -> None:
        """Redis loses what came after the copy."""
        await self.redis.flushall()
        for key, value in copied[0].items():
            await self.redis.restore(key, 0, value)
        self.events = dict(copied[1])

    async def feed(self, partition: int, records: list[FakeRecord]) -> None:
        if not records:
            return
        records = [replace(record, partition=partition) for record in records]
        inputs = STAGE.decode(records)
        state = await STAGE.load(self.redis, partition, inputs)
        await self._apply(partition, STAGE.fold(state, partition, inputs, self.standings[partition].version + 1))

    async def fire(self, partition: int, now: int) -> None:
        members = await self.ledger.due(partition, now, 1000)
        if members:
            state = await STAGE.load_due(self.redis, partition, members)
            version = self.standings[partition].version + 1
            await self._apply(partition, STAGE.fold_due(state, partition, members, now, version))

    async def _apply(self, partition: int, changes: Changes) -> None:
        self.offset += 1
        seen = self.standings[partition]
        self.standings[partition] = await self.ledger.apply(partition, seen, "t", self.offset, changes)
        for message in changes.messages:
            if message.topic == "alerts.events.v1" and message.key and message.value:
                self.events[message.key.decode()] = message.value

    async def check(self, index: AlertIndex) -> None:
        """The topic, the state in Redis and the index say the same."""
        page = await alerts(index, {})
        assert json.loads(await page.body(self.redis)) == [json.loads(self.events[name]) for name in page.found.ids]
        assert sorted(page.found.ids) == sorted(self.events)
        for parameters in (
            {"state": "raised"},
            {"open": "true", "area": "6210"},
            {"severity": "Extreme", "limit": "3"},
        ):
            page = await alerts(index, parameters)
            wanted = [one for one in map(json.loads, self.events.values()) if _agrees(one, parameters)]
            wanted.sort(key=lambda one: one["changed_at"], reverse=True)
            assert page.found.total == len(wanted)
            times = [json.loads(self.events[name])["changed_at"] for name in page.found.ids]
            assert times == [one["changed_at"] for one in wanted][: int(parameters.get("limit", 10**6))]


def _agrees(one: dict[str, Any], parameters: dict[str, str]) -> bool:
    return (
        one["area"].startswith(parameters.get("area", ""))
        and ("open" not in parameters or one["state"] not in ("closed", "cancelled"))
        and all(one[name] == parameters[name] for name in ("state", "severity") if name in parameters)
    )


def failing(number: int, partition: int, at: int, **more: Any) -> FakeRecord:
    """The verdict of a sample of its own."""
    items = (SALMONELLA,) if number % 3 else (LEAD, SALMONELLA)
    record = verdict(2, items=items, at=at, region=("621002", "621021101", "110101")[number % 3], **more)
    body = {**json.loads(record.value or b""), "sample_id": f"S{number}"}
    value = json.dumps(body, ensure_ascii=False).encode()
    return FakeRecord(VERDICTS.name, number, f"S{number}".encode(), value, partition=partition, timestamp=at)


def on(url: str, test: Any) -> Any:
    async def run() -> Any:
        async with Redis.from_url(url) as redis:
            await redis.flushall()
            world = World(redis)
            await world.taken_over()
            return await test(world, AlertIndex(redis))

    return asyncio.run(run())


def test_the_index_notices_a_wiped_redis_that_has_got_past_the_version_it_holds(url: str) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        await world.feed(0, [failing(0, 0, NOW)])
        await world.check(index)
        await world.redis.flushall()
        await world.taken_over()
        await world.feed(0, [failing(number, 0, NOW) for number in (1, 2, 3)])
        await world.feed(0, [failing(0, 0, NOW)])
        await world.check(index)

    on(url, test)


@pytest.mark.parametrize("more", [0, 1, 5])
def test_the_index_notices_a_redis_that_lost_its_tail_and_has_got_past_the_version_it_holds(
    url: str, more: int
) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        await world.feed(0, [failing(0, 0, NOW)])
        copied = await world.copy()
        await world.feed(0, [failing(1, 0, NOW)])
        await world.feed(0, [order("Acknowledge", next(iter(copied[1])), "1", NOW + HOUR)])
        await world.check(index)
        await world.fall_back(copied)
        await world.taken_over()
        await world.feed(0, [failing(2, 0, NOW)])  # as many alerts as before
        for _ in range(1 + more):
            await world.feed(0, [failing(2, 0, NOW)])
        await world.check(index)

    on(url, test)


def test_the_index_follows_from_one_owner_to_the_next_without_reading_it_all(url: str) -> None:
    async def scans(world: World, index: AlertIndex) -> int:
        await world.redis.config_resetstat()
        await world.check(index)
        return int((await world.redis.info("commandstats")).get("cmdstat_hscan", {}).get("calls", 0))

    async def test(world: World, index: AlertIndex) -> None:
        for partition in range(3):
            await world.feed(partition, [failing(partition, partition, NOW)])
        await world.check(index)
        for owner in range(3):
            for step in range(3):
                await world.feed(1, [failing(10 * owner + 100 * step, 1, NOW)])
                assert await scans(world, index) == 0
            await world.taken_over()
            assert await scans(world, index) == 0
        # two have come and gone
        for owner in range(2):
            await world.feed(1, [failing(1000 + owner, 1, NOW)])
            await world.taken_over()
        assert await scans(world, index) == 1

    on(url, test)


def test_the_index_follows_verdicts_commands_and_timers(url: str) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        dice, now = random.Random(1), NOW
        for step in range(60):
            now += HOUR
            partition = step % 3
            await world.feed(partition, [failing(100 * step + n, partition, now) for n in range(dice.randrange(5))])
            own = [name for name in world.events if int(name[:2]) == partition]
            kinds: list[tuple[str, dict[str, Any]]] = [
                ("Acknowledge", {}),
                ("Act", {"action": "a"}),
                ("Close", {"reason": "r"}),
            ]
            for name in dice.sample(own, min(3, len(own))):
                kind, more = dice.choice(kinds)
                await world.feed(partition, [order(kind, name, f"{step}-{name}", now, **more)])
            await world.fire(partition, now)
            if dice.random() < 0.5:
                await world.check(index)
        await world.check(index)
        await world.check(AlertIndex(world.redis))

    on(url, test)


def test_the_index_catches_up_with_more_than_is_listed(url: str) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        await world.feed(0, [failing(0, 0, NOW)])
        await world.check(index)
        await world.feed(0, [failing(1000 + n, 0, NOW + 1) for n in range(store.MOST + 5)])
        await world.check(index)
        for step in range(store.RING + 3):
            await world.feed(0, [failing(5000 + step, 0, NOW + step)])
        await world.check(index)

    on(url, test)


def test_the_index_falls_back_with_redis(url: str) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        for step in range(5):
            await world.feed(0, [failing(step, 0, NOW + step)])
        await world.check(index)
        await world.redis.flushall()
        world.events.clear()
        await world.check(index)
        await world.taken_over()
        await world.feed(0, [failing(77, 0, NOW)])
        await world.check(index)

    on(url, test)


def test_pages_come_to_all_once_and_a_tag_changes_with_what_it_stands_for(url: str) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        for partition in range(12):
            # many in one millisecond
            await world.feed(partition, [failing(1000 * partition + n, partition, NOW) for n in range(30)])
        found: list[str] = []
        parameters = {"open": "true", "limit": "37"}
        tags = set()
        while True:
            page = await alerts(index, parameters)
            found += page.found.ids
            tags.add(page.etag)
            assert page.found.total == len(world.events)
            if page.next is None:
                break
            parameters["after"] = page.next
        assert len(found) == len(set(found)) == len(world.events)
        assert len(tags) == -(-len(found) // 37)
        first = await alerts(index, {"limit": "5"})
        assert (await alerts(AlertIndex(world.redis), {"limit": "5"})).etag == first.etag, "alike in every worker"
        last = found[-1]
        await world.feed(int(last[:2]), [order("Acknowledge", last, arrived=NOW + HOUR // 2)])
        assert (await alerts(index, {"limit": "5"})).etag != first.etag
        assert (await alerts(index, {"limit": "5"})).found.ids[0] == last

    on(url, test)


def test_one_alert_comes_with_its_history(url: str) -> None:
    async def test(world: World, index: AlertIndex) -> None:
        await world.feed(4, [failing(1, 4, NOW)])
        [name] = world.events
        await world.fire(4, NOW + 5 * HOUR)
        await world.feed(4, [order("Acknowledge", name, arrived=NOW + 6 * HOUR, note="收到")])
        found = await alert(world.redis, name)
        assert found is not None
        assert [(past["transition"], past["level"]) for past in found["history"]] == [
            ("raised", "township"),
            ("escalated", "county"),
            ("escalated", "city"),
            ("acknowledged", "city"),
        ]
        assert found["history"][-1]["reason"] == "收到" and found["state"] == "acknowledged"
        assert await alert(world.redis, "04-nothing") is None and await alert(world.redis, "x") is None
        assert await alerts_of(world.redis, [name, "04-nothing"]) == [world.events[name]]

    on(url, test)


@pytest.mark.parametrize(
    "parameters",
    [{"state": "happy"}, {"limit": "-1"}, {"since": "soon"}, {"after": "x"}, {"open": "yes"}, {"colour": "red"}],
)
def test_what_is_not_understood_is_named(url: str, parameters: dict[str, str]) -> None:
    async def test(_world: World, index: AlertIndex) -> None:
        with pytest.raises(BadParameter) as caught:
            await alerts(index, parameters)
        assert caught.value.parameter in parameters

    on(url, test)
