"""Counts, cuts and published rates on a real Redis, through the real ledger: everything equals a recount."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.qualification import Delta
from schemas.topics import DELTAS, RATES, RECEIPTS, VERDICTS
from services.lab_results import deltas, retelling
from services.lab_results.api import counts_cache
from services.lab_results.api.counts_cache import CountsCache
from services.lab_results.counts import Counts, total
from services.lab_results.counts_store import counts_key, read_cells, read_daily, read_delays, value_of
from services.lab_results.cut_config import Cut
from services.lab_results.cut_filling import CutKeeper, ask_to_fill, cut_statuses
from services.lab_results.cuts import CUTS, PUBLISHED, Cell
from services.lab_results.deltas import Deltas
from services.lab_results.rates import WINDOW_NAMES, RunningSums, Span, window_span
from services.lab_results.rates_stage import RatesStage
from services.lab_results.stage import LabStage
from services.runtime.batch import Batch
from services.runtime.calendar import day_from_number, day_number
from services.runtime.ledger import Ledger
from services.runtime.messages import Message
from services.runtime.partitioning import homes_of
from services.runtime.settings import PARTITIONS
from services.runtime.shard import Shard
from services.runtime.stage import Changes, Stage
from tests.histories import Count, History, recount
from tests.ledger_world import Recorder, Steps, redis_server
from tests.memory import FakeRecord


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with redis_server(tmp_path) as address:
        yield address


class World:
    """Twelve shards of one stage, their positions, and what they have published."""

    def __init__(self, redis: Redis, stage: Stage[Any, Any]) -> None:
        self.published: list[Message] = []
        recorder: Any = Recorder(self.published, Steps())
        ledger = Ledger(redis, stage.name)
        self.shards = [Shard(stage, partition, redis, ledger, recorder) for partition in range(12)]

    async def open(self) -> World:
        for shard in self.shards:
            await shard.open()
        return self

    async def feed(self, messages: list[tuple[int, str, bytes, bytes]], at: datetime) -> None:
        """Messages (partition, topic, key, value), each partition's topics in batches of up to 50."""
        waiting: dict[tuple[int, str], list[tuple[bytes, bytes]]] = defaultdict(list)
        for partition, topic, key, value in messages:
            waiting[partition, topic].append((key, value))
        for (partition, topic), queue in waiting.items():
            shard = self.shards[partition]
            for start in range(0, len(queue), 50):
                first = shard.positions.get(topic, 0)
                records = [
                    FakeRecord(topic, first + n, key, value, partition=partition, timestamp=int(at.timestamp() * 1000))
                    for n, (key, value) in enumerate(queue[start : start + 50])
                ]
                await shard.apply(Batch(topic, partition, first, first + len(records), records))

    async def fire(self, at: datetime) -> None:
        for shard in self.shards:
            while await shard.apply_due(int(at.timestamp() * 1000)):
                pass


def told(rng: random.Random, histories: list[History]) -> list[tuple[int, str, bytes, bytes]]:
    lines = [(history.partition, *message) for history in histories for message in history.arrivals()]
    rng.shuffle(lines)
    return lines


async def all_counts(redis: Redis, expected: Counter[Count], cuts: set[str]) -> Counter[Count]:
    """The counts of every group of cells that is expected, as the store reads them."""
    found: Counter[Count] = Counter()
    for group in {count[0] for count in expected}:
        domain, plan, cut = group.split("|")
        if cut in cuts:
            cells = [Cell(domain, plan, cut, value) for value in await read_cells(redis, group)]
            for cell, daily in zip(cells, await read_daily(redis, cells), strict=True):
                for day, counts in daily.items():
                    for name, n in zip(Counts._fields, counts, strict=True):
                        found[group, cell.value, day_from_number(day).isoformat(), name] += n
    return +found


def of_cuts(counts: Counter[Count], cuts: set[str]) -> Counter[Count]:
    return Counter({count: n for count, n in counts.items() if count[0].split("|")[2] in cuts})


ARRIVED = datetime(2026, 3, 1, 4, tzinfo=UTC)


def test_cuts_are_filled_when_asked_and_whole_before_and_after(url: str) -> None:
    async def run() -> None:
        rng = random.Random(11)
        histories = [History(rng, number) for number in range(300)]
        expected = recount(histories)
        early = tuple(cut for cut in CUTS if cut.name not in {"township", "producer"})
        async with Redis.from_url(url) as redis:
            assert set((await cut_statuses(redis)).values()) == {"live"}  # of nothing, everything is there
            before = await World(redis, LabStage(CutKeeper((*early, Cut("old", ("stage",)))))).open()
            await before.feed(told(rng, histories), ARRIVED)
            names = {cut.name for cut in early}
            assert await all_counts(redis, expected, names) == of_cuts(expected, names)
            statuses = await cut_statuses(redis)
            assert {name for name, status in statuses.items() if status == "backfilling"} == {"township", "producer"}

            after = await World(redis, LabStage()).open()
            await after.fire(ARRIVED)
            assert await cut_statuses(redis) == statuses  # nobody asked yet
            await ask_to_fill(redis)
            await after.fire(ARRIVED)
            assert set((await cut_statuses(redis)).values()) == {"live"}
            assert await all_counts(redis, expected, set(statuses)) == expected
            assert not [key async for key in redis.scan_iter("*|old")]
            published = len(after.published)
            await ask_to_fill(redis)
            await after.fire(ARRIVED)
            assert len(after.published) == published
            # the other worker knows other cuts, and finds out that it was replaced
            more = [History(rng, number) for number in range(300, 330)]
            await after.feed(told(rng, more), ARRIVED)
            assert await all_counts(redis, recount(more), {"all"}) != of_cuts(recount(more), {"all"})
            assert await all_counts(redis, expected, set(statuses)) == expected + _in_groups(recount(more), expected)
            assert await redis.exists(counts_key(0, "food|supervision|all"))
            assert await read_delays(redis, "food", "supervision") == {}  # all came years late

    asyncio.run(run())


def _in_groups(counts: Counter[Count], others: Counter[Count]) -> Counter[Count]:
    groups = {count[0] for count in others}
    return Counter({count: n for count, n in counts.items() if count[0] in groups})


def test_published_rates_are_a_recount_and_move_on_with_the_days(url: str) -> None:
    async def run() -> None:
        rng = random.Random(5)
        histories = [History(rng, number) for number in range(120)]
        async with Redis.from_url(url) as redis:
            lab, rates = await World(redis, LabStage()).open(), await World(redis, RatesStage()).open()
            arrivals = told(rng, histories)
            half = len(arrivals) // 2
            for part in (arrivals[:half], arrivals[half:]):
                done = len(lab.published)
                await lab.feed(part, ARRIVED)
                await lab.fire(ARRIVED)
                lines = [_line(message) for message in lab.published[done:] if message.topic == DELTAS.name]
                # twice, and in any order: a delta only says what to read
                for repeat in (lines, rng.sample(lines, len(lines) // 3)):
                    await rates.feed(repeat, datetime(2024, 6, 1, tzinfo=UTC))
            expected = recount(histories)
            assert {(message.key or b"").decode().split("|")[2] for message in rates.published} <= PUBLISHED
            check(rates.published, expected, date(2024, 6, 1))
            for later in (1, 6, 7, 30, 91, 214, 400, 1500):
                day = date(2024, 6, 1) + timedelta(days=later)
                done = len(rates.published)
                await rates.fire(datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8))  # midnight
                keys = [message.key for message in rates.published[done:]]
                assert len(keys) == len(set(keys)), "one message a cell"
                check(rates.published, expected, day)
            done = len(rates.published)
            await rates.fire(datetime(2040, 1, 1, tzinfo=UTC))
            assert len(rates.published) == done, "nothing moves any more"

    asyncio.run(run())


def test_deltas_tell_all_that_moved_whether_they_gather_or_not(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas, "_AT_ONCE", 40)
    monkeypatch.setattr(deltas, "_MANY", 8)

    async def run() -> None:
        rng = random.Random(17)
        histories = [History(rng, number) for number in range(150)]
        async with Redis.from_url(url) as redis:
            lab = await World(redis, LabStage()).open()
            arrivals = told(rng, histories)
            half = len(arrivals) // 2
            await lab.feed(arrivals[:half], ARRIVED)
            at_once = len(lab.published)
            assert any(message.topic == DELTAS.name for message in lab.published), "of large batches"
            await lab.fire(ARRIVED)
            assert len(lab.published) > at_once, "and of small ones, a second later"
            await lab.feed(arrivals[half:], ARRIVED)
            await lab.fire(ARRIVED)
            sums: Counter[Count] = Counter()
            for message in lab.published:
                if message.topic == DELTAS.name:
                    delta = json.loads(message.value or b"")
                    cell = Cell.parse(delta["cell"])
                    for day in delta["days"]:
                        sums.update({(cell.group, cell.value, day["day"], name): day[name] for name in Counts._fields})
            assert {count: n for count, n in sums.items() if n} == of_cuts(recount(histories), set(PUBLISHED))
            assert not [key async for key in redis.scan_iter("*:moved")]
            told_so_far = len(lab.published)
            await lab.fire(ARRIVED)
            assert len(lab.published) == told_so_far

    asyncio.run(run())


def test_what_moved_there_and_back_is_told_too(url: str) -> None:
    """In between a rate may have been published, after another partition's delta."""

    async def run() -> None:
        async with Redis.from_url(url) as redis:
            shard = (await World(redis, LabStage()).open()).shards[0]
            cell = "food|supervision|all|all"
            for n in (1, -1):
                changes = Changes()
                Deltas("lab_results").add(changes, 0, 1, {"food|supervision|all": {"all": {20_000 * 8: n}}}, inputs=1)
                assert await shard._commit(shard._standing, None, 0, changes) is not None
            moved = await deltas.load_moved(redis, 0)
            assert list(moved.cells) == [cell.encode()]
            changes = Changes()
            Deltas("lab_results").tell(changes, 0, 3, moved, now=5)
            assert [message.key for message in changes.messages] == [cell.encode()]
            assert changes.timers == {deltas.TIMER: None}

    asyncio.run(run())


def test_a_batch_of_deltas_publishes_each_cell_once(url: str) -> None:
    async def run() -> None:
        rng = random.Random(7)
        async with Redis.from_url(url) as redis:
            lab, rates = await World(redis, LabStage()).open(), await World(redis, RatesStage()).open()
            await lab.feed(told(rng, [History(rng, number) for number in range(60)]), ARRIVED)
            await lab.fire(ARRIVED)
            lines = [_line(message) for message in lab.published if message.topic == DELTAS.name]
            assert len(lines) > len({key for _, _, key, _ in lines}), "cells that moved more than once"
            for partition in range(12):
                of_partition = [delta for delta in lines if delta[0] == partition]
                for start in range(0, len(of_partition), 50):  # as World.feed makes batches
                    batch = of_partition[start : start + 50]
                    done = len(rates.published)
                    await rates.feed(batch, ARRIVED)
                    keys = [message.key for message in rates.published[done:]]
                    assert len(keys) == len(set(keys))
                    assert set(keys) == {key for _, _, key, _ in batch if _is_published(key)}

    asyncio.run(run())


def _is_published(key: bytes) -> bool:
    return key.decode().split("|")[2] in PUBLISHED


def test_counts_in_memory_are_those_of_redis_whatever_moves_and_is_forgotten_meanwhile(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts_cache, "_MOST_DAYS", 200)  # some groups are forgotten after each answer
    monkeypatch.setattr(counts_cache, "_PARTS_AT_ONCE", 3)

    async def run() -> None:
        rng = random.Random(13)
        histories = [History(rng, number) for number in range(200)]
        arrivals = told(rng, histories)
        groups = sorted({count[0] for count in recount(histories)})
        async with Redis.from_url(url) as redis:
            cache, lab = CountsCache(redis), await World(redis, LabStage()).open()

            async def ask(wanted: list[str]) -> None:
                await cache.versions()
                await cache.groups(wanted)
                cache.trim()

            for start in range(0, len(arrivals), 100):
                asking = [asyncio.create_task(ask(rng.sample(groups, 5))) for _ in range(20)]
                await lab.feed(arrivals[start : start + 100], ARRIVED)
                await asyncio.gather(*asking)
                await cache.versions()
                for group in rng.sample(groups, 12):
                    domain, plan, cut = group.split("|")
                    values = await read_cells(redis, group)
                    cells = [Cell(domain, plan, cut, value) for value in [*values, "not there"]]
                    expected = [sums_of(daily) for daily in await read_daily(redis, cells)]
                    few = rng.sample(range(len(cells)), min(3, len(cells)))
                    found = await cache.cells([cells[place] for place in few])
                    assert list(map(by_day, found)) == [expected[place] for place in few]
                    [held] = await cache.groups([group])
                    assert held.values == values
                    assert [by_day(held.sums(cell.value)) for cell in cells] == expected

    asyncio.run(run())


def sums_of(daily: dict[int, Counts]) -> list[tuple[int, Counts]]:
    return sorted(daily.items())


def by_day(sums: RunningSums) -> list[tuple[int, Counts]]:
    days = map(day_from_number, sums.days)
    return [(day_number(day), sums.over(Span(day, day))) for day in days]


def _line(message: Message) -> tuple[int, str, bytes, bytes]:
    return message.partition, message.topic, message.key or b"", message.value or b""


def check(published: list[Message], expected: Counter[Count], today: date) -> None:
    """The last message of each cell holds the windows of a recount as of today."""
    daily: dict[str, dict[int, Counts]] = defaultdict(dict)
    for (group, value, day, name), n in expected.items():
        if group.split("|")[2] in PUBLISHED:
            of_cell, number = daily[f"{group}|{value}"], day_number(date.fromisoformat(day))
            of_cell[number] = of_cell.get(number, Counts())._replace(**{name: n})
    last = {(message.key or b"").decode(): json.loads(message.value or b"") for message in published}
    assert {message.topic for message in published} == {RATES.name}
    assert set(daily) <= set(last)
    for key, rate in last.items():
        assert date.fromisoformat(rate["as_of"]) <= today <= date.fromisoformat(rate.get("holds_until", "9999-12-31"))
        for name in WINDOW_NAMES:
            counts = total(daily.get(key, {}), *window_span(name, today))
            window = rate["windows"].get(name)
            assert (window is None) == (counts.passed + counts.failed == 0), (key, name)
            if window:
                assert (window["pass"], window["fail"], window["revised"]) == (
                    counts.passed,
                    counts.failed,
                    counts.revised,
                )


def test_after_a_quiet_rebuild_each_published_cell_is_told_of_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retelling, "_AT_ONCE", 7)  # so that most groups take several slices
    monkeypatch.setattr(deltas, "_MANY", 8)

    async def run() -> None:
        rng = random.Random(23)
        histories = [History(rng, number) for number in range(200)]
        arrivals = told(rng, histories)
        cut = 2 * len(arrivals) // 3
        async with Redis.from_url(url) as redis:
            first = await World(redis, LabStage()).open()
            await first.feed(arrivals[:cut], ARRIVED)
            positions = [dict(shard.positions) for shard in first.shards]
            await redis.flushall()

            lab = await World(redis, LabStage()).open()
            for shard, reached in zip(lab.shards, positions, strict=True):
                shard.told = reached
            await lab.feed(arrivals[:cut], ARRIVED)
            assert lab.published == [], "all of that was told"
            for second in range(200):
                await lab.fire(ARRIVED + timedelta(seconds=second))
            deltas_told = [Delta.model_validate_json(message.value or b"") for message in lab.published]
            assert {(m.partition, m.key) for m in lab.published} == await published_cells(redis)
            assert not any(delta.days for delta in deltas_told)
            assert max(Counter((delta.partition, delta.cell) for delta in deltas_told).values()) == 1
            done = len(lab.published)
            await lab.fire(ARRIVED + timedelta(hours=2))
            assert len(lab.published) == done
            assert not [key async for key in redis.scan_iter("*:retell")]

            await lab.feed(arrivals[cut:], ARRIVED)
            assert {message.topic for message in lab.published[done:]} >= {VERDICTS.name, RECEIPTS.name}
            assert await all_counts(redis, recount(histories), {"all"}) == of_cuts(recount(histories), {"all"})

    asyncio.run(run())


async def published_cells(redis: Redis) -> set[tuple[int, bytes]]:
    """The home and the key of every cell with counts whose rates are published."""
    found = set()
    async for key in redis.scan_iter("*:counts:*"):
        group = key.decode().partition(":counts:")[2]
        if group.rpartition("|")[2] in PUBLISHED:
            keys = [f"{group}|{value_of(field)}".encode() for field in await redis.hkeys(key)]
            found |= set(zip(homes_of(keys, PARTITIONS), keys, strict=True))
    return found
