"""The hotspots service's stages on a real Redis: verdicts in, findings out, whatever order and batches they come in."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.topics import FINDINGS, HOTSPOT_CASES, HOTSPOT_MODELS, VERDICTS
from services.alerts.hotspots import store
from services.alerts.hotspots.cell import Cell as CellState
from services.alerts.hotspots.cell import recount
from services.alerts.hotspots.clusters import PlacesError, find_clusters, read_places
from services.alerts.hotspots.config import Config
from services.alerts.hotspots.in_force import InForce
from services.alerts.hotspots.query import overdispersions
from services.alerts.hotspots.stages import HotspotCasesStage, HotspotCellsStage
from services.alerts.hotspots.standing import Standing
from services.lab_results.counts import Increments
from services.lab_results.counts_store import add_counts
from services.lab_results.cuts import Cell
from services.runtime.batch import Batch
from services.runtime.calendar import day_number
from services.runtime.ledger import Ledger
from services.runtime.ledger import Standing as LedgerStanding
from services.runtime.messages import Message
from services.runtime.shard import Shard
from services.runtime.stage import Changes
from tests.ledger_world import Recorder, Steps
from tests.memory import FakeRecord

CONFIG = Config(cuts=("county", "producer"), strata="stage_category", without_history=0.03, planned_least=50)
COUNTY = "food|supervision|county|621002"
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


class World:
    """The shards of both stages, with a log of each topic that they read and write."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.now = NOON
        self.published: list[Message] = []
        stages = (HotspotCasesStage(CONFIG, self.seconds), HotspotCellsStage(CONFIG))
        publisher: Any = Recorder(self.published, Steps())
        self.shards = {
            (topic, partition): Shard(stage, partition, redis, Ledger(redis, stage.name), publisher)
            for stage in stages
            for topic in stage.topics
            for partition in range(12)
        }
        self.log: dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
        self.read: dict[tuple[str, int], int] = defaultdict(int)
        self._forwarded = 0

    def seconds(self) -> float:
        return self.now.timestamp()

    async def begin(self) -> None:
        await asyncio.gather(*(shard.open() for shard in self.shards.values()))

    async def verdicts(self, verdicts: Sequence[dict[str, Any]], partition: int = 0) -> None:
        self.log[VERDICTS.name, partition] += [
            (verdict["sample_id"].encode(), json.dumps(verdict).encode()) for verdict in verdicts
        ]
        await self.go_on()

    async def go_on(self, size: int = 10_000) -> None:
        """Reads on until nothing is left."""
        while True:
            for message in self.published[self._forwarded :]:
                self.log[message.topic, message.partition].append((message.key, message.value))
            self._forwarded = len(self.published)
            behind = [place for place in self.shards if self.read[place] < len(self.log[place])]
            if not behind:
                return
            for place in behind:
                start, end = self.read[place], min(self.read[place] + size, len(self.log[place]))
                records = [
                    FakeRecord(place[0], start + n, *record, timestamp=int(self.now.timestamp() * 1000))
                    for n, record in enumerate(self.log[place][start:end])
                ]
                await self.shards[place].apply(Batch(*place, start, end, records))
                self.read[place] = end

    async def night(self) -> None:
        """Whatever timer is due by the next day."""
        self.now += timedelta(days=1)
        for shard in self.shards.values():
            await shard.apply_due(int(self.now.timestamp() * 1000))
            shard.stage.forget(shard.partition)  # the model is looked at every few seconds; here at once
        await self.go_on()

    def findings(self, subject: str = COUNTY) -> list[dict[str, Any]]:
        found = [json.loads(message.value or b"") for message in self.published if message.topic == FINDINGS.name]
        return [finding for finding in found if finding["subject"] == subject]


def verdict(
    number: int, failed: bool | None, day: int = 0, revision: int = 1, party: str | None = None
) -> dict[str, Any]:
    return {
        "sample_id": f"S{number:05}",
        "revision": revision,
        "outcome": None if failed is None else "fail" if failed else "pass",
        "domain": "food",
        "plan": "supervision",
        "targeting": "routine",
        "category": ["meat", "cured"],
        "region": f"62100210{number % 3}",
        "stage": "catering",
        "sampled_at": (datetime(2026, 10, 5, 2, tzinfo=UTC) + timedelta(days=day)).isoformat(),
        "sampled_party": {"name": party or f"party {number}"},
        "producer": {"name": "maker"},
        "lab_id": "L1",
    }


async def history(redis: Redis) -> None:
    """A year of counts, as lab_results keeps them: 2 % of a thousand samples failed, over sixty counties."""
    day = day_number(NOON.date()) - 100
    increments: Increments = {
        "food|supervision|stage_category": {"catering × meat": {day * 8: 980, day * 8 + 1: 20}},
        "food|supervision|county": {str(620_000 + n): {day * 8: 10} for n in range(60)},
    }
    changes = Changes()
    add_counts(changes, 0, increments)
    ledger = Ledger(redis, "lab")
    seen: LedgerStanding = await ledger.standing(0)
    await ledger.apply(0, seen, "x", 1, changes)


def run(url: str, test: Callable[[World], Awaitable[None]]) -> None:
    async def body() -> None:
        redis = Redis.from_url(url)
        await redis.flushall()
        await history(redis)
        world = World(redis)
        await world.begin()
        await test(world)
        await redis.aclose()

    asyncio.run(body())


def test_a_rise_is_found_explained_corrected_and_ended(url: str) -> None:
    async def test(world: World) -> None:
        await world.verdicts([verdict(0, False)])
        await world.night()  # fits the model
        (model,) = [json.loads(m.value or b"") for m in world.published if m.topic == HOTSPOT_MODELS.name]
        assert model["version"] == "2026-11-25" and model["active_cells"] == 60
        assert {tuple(node["path"]) for node in model["nodes"]} >= {
            ("food", "supervision", "routine", "catering", "meat")
        }
        await world.verdicts([verdict(n, False, day=1) for n in range(1, 30)])
        assert world.findings() == []
        await world.verdicts([verdict(n, n % 2 == 0, day=20) for n in range(30, 60)])
        last = world.findings()[-1]
        assert last["status"] == "open" and last["severity"] == "Severe" and last["certainty"] == "Likely"
        assert last["epoch"] == "2026Q4" and last["area"] == "621002" and last["onset"].startswith("2026-10-25")
        facts = defaultdict(list)
        for fact in last["evidence"]:
            facts[fact["name"]].append(fact["value"])
        assert facts["units"] == ["60"] and facts["failed"] == ["15"] and facts["level"] == ["confirmed"]
        assert facts["model"] == ["2026-11-25"] and facts["threshold"] == ["60"]
        assert set(facts["sample"]) == {f"S{n:05}" for n in range(30, 60, 2)}
        assert "e_value" in facts and float(facts["e_value"][0]) >= 60
        assert "2026-11-25" in last["description"]["zh"] and "on average" in last["description"]["en"]

        await world.night()
        assert world.findings()[-1]["revision"] > last["revision"]
        assert ("level", "high_confidence") in [(f["name"], f["value"]) for f in world.findings()[-1]["evidence"]]

        # every failure overturned: it never was one
        await world.verdicts([verdict(n, False, day=20, revision=2) for n in range(30, 60, 2)])
        assert world.findings()[-1]["status"] == "void"

        await world.verdicts([verdict(n, n % 2 == 0, day=21) for n in range(100, 140)])
        assert world.findings()[-1]["status"] == "open"
        world.now = datetime(2027, 3, 2, tzinfo=UTC)
        await world.night()
        assert world.findings()[-1]["status"] == "over"
        said = len(world.findings())
        await world.verdicts([verdict(200, True, day=21)])  # too late for its quarter
        assert len(world.findings()) == said
        await world.night()
        world.now = datetime(2027, 6, 1, tzinfo=UTC)
        await world.night()
        assert await store.all_standings(world.redis) == {}
        assert [key async for key in world.redis.scan_iter("*visits*")] == []

    run(url, test)


@pytest.mark.parametrize("seed", range(6))
def test_any_batches_and_any_replay_come_to_the_same(url: str, seed: int) -> None:
    """Visits of several samples, corrections and repetitions; compared with a recount of each cell's visits."""
    random = Random(seed)
    revisions: dict[int, int] = defaultdict(int)
    seen = []
    for _ in range(400):
        number = random.randrange(120)
        revisions[number] += 1
        outcome = random.choice((True, False, False, False, None))
        seen.append(verdict(number, outcome, number % 7, revisions[number], party=f"party {number % 40}"))

    async def standings(world: World, size: int) -> dict[str, Any]:
        world.log[VERDICTS.name, 0] += [(one["sample_id"].encode(), json.dumps(one).encode()) for one in seen]
        await world.go_on(size)
        found = await store.all_standings(world.redis)
        for name, standing in found.items():
            (partition,) = [p for p in range(12) if name in await store.names(world.redis, p)]
            visits = (await store.load_visits(world.redis, partition, {name: None}))[name]
            counted = recount(visits.values(), standing.planned)
            # the steps before the last one are not compared: they differ where the last change was to an earlier visit
            assert standing.cell.visits == counted.visits and standing.cell.failed == counted.failed
            assert standing.cell.log_m == pytest.approx(counted.log_m)
            assert standing.cell.peak == pytest.approx(counted.peak)
            assert standing.cell.expected == pytest.approx(counted.expected)
        return found

    async def test(world: World) -> None:
        await world.redis.delete(store.model_key())
        once = await standings(world, random.choice((1, 7, 500)))
        again = await standings(world, 37)  # everything a second time
        assert again == once

    run(url, test)


def test_a_cluster_in_space_is_told_with_the_hotspot(url: str, tmp_path: Path) -> None:
    places = tmp_path / "places.csv"
    rows = [f"{620_000 + n},{n % 6},{n // 6}" for n in range(36)]
    places.write_text("\n".join(["county,x,y", *rows]))

    async def test(world: World) -> None:
        day = day_number(NOON.date()) - 10
        changes = Changes()
        counts = {
            str(620_000 + n): {day * 8: 60 - 20 * (n in (0, 1, 6, 7)), day * 8 + 1: 1 + 20 * (n in (0, 1, 6, 7))}
            for n in range(36)
        }
        add_counts(changes, 1, {"food|supervision|county": counts})
        ledger = Ledger(world.redis, "lab")
        await ledger.apply(1, await ledger.standing(1), "x", 1, changes)
        found = await find_clusters(world.redis, "food", "supervision", read_places(places), NOON.date())
        assert set(found[0].places) == {"620000", "620001", "620006", "620007"} and found[0].p_value <= 0.001
        in_force = InForce(60, tuple(found))
        assert in_force.cluster_of(Cell("food", "supervision", "county_category", "620001 × meat")) is found[0]
        assert in_force.cluster_of(Cell("food", "supervision", "county", "620030")) is None
        assert in_force.cluster_of(Cell("drug", "supervision", "county", "620001")) is None

    run(url, test)


def test_overdispersion_is_that_of_cells_large_enough() -> None:
    def standing(units: int, failed: int) -> Standing:
        return Standing(CellState(visits=units, units=units, failed=failed, expected=units * 0.1), planned=50)

    alike = {f"2026Q4|food|supervision|county|{n}": standing(100, 10 + (n % 3 - 1)) for n in range(12)}
    apart = {f"2026Q4|drug|supervision|county|{n}": standing(100, 4 if n % 2 else 20) for n in range(12)}
    few = {f"2026Q4|food|special|producer|a|b{n}": standing(100, 10) for n in range(9)}
    small = {f"2026Q4|food|evaluation|county|{n}": standing(4, 4) for n in range(20)}
    found = overdispersions({**alike, **apart, **few, **small})
    assert set(found) == {"2026Q4|food|supervision|county", "2026Q4|drug|supervision|county"}
    assert found["2026Q4|food|supervision|county"] < 0.2
    assert found["2026Q4|drug|supervision|county"] == pytest.approx((4 + 100 / 9) / 2)


def test_places_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("county,x\n1,2\n")
    with pytest.raises(PlacesError, match=r"places\.csv: KeyError: 'y'"):
        read_places(file)


def test_a_rebuild_from_kafka_comes_to_the_same_cells(url: str) -> None:
    async def test(world: World) -> None:
        await world.verdicts([verdict(n, n % 4 == 0, n % 9, party=f"p{n % 50}") for n in range(150)])
        before = await store.all_standings(world.redis)
        await world.redis.flushall()
        rebuilt = World(world.redis)
        # what was written lies in Kafka; verdicts are read again, and their cases written a second time
        rebuilt.log[HOTSPOT_CASES.name, 0] = []
        for place, records in world.log.items():
            rebuilt.log[place] = list(records)
        await rebuilt.begin()
        await rebuilt.go_on(13)
        assert {name: s.cell for name, s in (await store.all_standings(world.redis)).items()} == {
            name: s.cell for name, s in before.items()
        }

    run(url, test)
