"""How far the services are, seen from outside: where topics end, and where the ledgers stand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from bench.rig import Rig
from services.alerts.stage import AlertsStage
from services.lab_results.rates_stage import RatesStage
from services.lab_results.stage import LabStage
from services.runtime.ledger import Ledger
from services.runtime.settings import PARTITIONS
from services.sampling.stage import SamplingStage

#: The stages of each service with the topics that they read.
STAGES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sampling": {SamplingStage.name: SamplingStage.topics},
    "lab_results": {LabStage.name: LabStage.topics, RatesStage.name: RatesStage.topics},
    "alerts": {AlertsStage.name: AlertsStage.topics},
}
_POLL_S = 0.05
#: After so many looks without progress, it is asked whether the services take their work for done.
_STUCK_LOOKS = 100

#: Moments, in seconds, with how much had been done by then.
Curve = list[tuple[float, int]]


class Observer:
    """Looks at Kafka and Redis from outside, so that the services measured have no work with it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.redis = Redis.from_url(rig.redis)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=rig.bootstrap)

    async def __aenter__(self) -> Observer:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self.redis.aclose()

    async def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """The next offset of every partition of the topics."""
        places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        return {
            (place.topic, place.partition): end for place, end in (await self._consumer.end_offsets(places)).items()
        }

    async def count(self, topic: str) -> int:
        """How many messages have been written to the topic; none of the topics asked for is written by transactions."""
        return sum((await self.ends([topic])).values())

    async def applied(self, stage: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """The next offset to apply of each partition that the stage reads."""
        ledger = Ledger(self.redis, stage)
        standings = await asyncio.gather(*(ledger.standing(partition) for partition in range(PARTITIONS)))
        return {(t, n): standing.positions.get(t, 0) for n, standing in enumerate(standings) for t in topics}

    async def behind(self, services: Iterable[str]) -> int:
        """How many messages the services have not yet applied, in all their stages."""
        stages = {stage: topics for service in services for stage, topics in STAGES[service].items()}
        total = 0
        for stage, topics in stages.items():
            # positions first: what is written meanwhile counts as not applied, and never the other way round
            positions, ends = await self.applied(stage, topics), await self.ends(topics)
            total += sum(end - positions[place] for place, end in ends.items())
        return total

    async def settle(self, *services: str, seconds: float = 600) -> None:
        """Waits until the services have applied all there is; two looks, since one stage feeds another."""
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < 2:
            quiet = quiet + 1 if await self.behind(services) == 0 else 0
            self.rig.check_running()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{', '.join(services)} not at the ends of their topics after {seconds:g} s")
            await asyncio.sleep(2 * _POLL_S)

    async def follow(
        self, done: Callable[[], Awaitable[int]], goal: int, seconds: float = 900, every: float = _POLL_S
    ) -> Curve:
        """Looks every so many seconds how much is done, until that is the goal."""
        started = time.monotonic()
        curve: Curve = [(0.0, await done())]
        while curve[-1][1] < goal:
            self.rig.check_running()
            if curve[-1][0] > seconds:
                raise TimeoutError(f"{curve[-1][1]} of {goal} done after {seconds:g} s")
            stuck = len(curve) > _STUCK_LOOKS and curve[-_STUCK_LOOKS][1] == curve[-1][1]
            if stuck and await self.behind(["lab_results"]) == 0:
                raise RuntimeError(f"LOST: every position is at its end, with {curve[-1][1]} of {goal} done")
            await asyncio.sleep(every)
            curve.append((time.monotonic() - started, await done()))
        return curve

    async def used_memory(self) -> int:
        """The bytes that Redis uses for data and its own bookkeeping."""
        found: dict[str, Any] = await cast(Any, self.redis.info("memory"))
        return int(found["used_memory"])


def moment(curve: Curve, amount: float) -> float:
    """When so much had been done: between two looks, as if it had gone evenly."""
    before, n_before = curve[0]
    for now, n_now in curve:
        if n_now >= amount:
            return now if n_now == n_before else before + (now - before) * (amount - n_before) / (n_now - n_before)
        before, n_before = now, n_now
    raise ValueError(f"the curve ends before {amount}")


def rate(curve: Curve, goal: int, low: float = 0.0, high: float = 1.0) -> float:
    """What was done a second between two parts of the goal; with no `low`, from the beginning of the curve."""
    start = moment(curve, low * goal) if low else 0.0
    return (high - low) * goal / (moment(curve, high * goal) - start)
