"""Keeps the gauges that say where a process stands: lag, what stands still, catching up, the outbox, Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime import metrics
from services.runtime.engine import Engine, Place
from services.runtime.liveness import Progress

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_REDIS_SECONDS = 5.0
#: A Redis that does not answer within this is asked again later; whoever needs it says that it is away.
_REDIS_PATIENCE_SECONDS = 5.0


class Standstill:
    """Remembers since when each partition with records to apply has not moved."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Place, tuple[int, float]] = {}

    def seconds(self, partitions: Mapping[Place, Progress]) -> dict[str, float]:
        """Topic -> for how long the partition of it that has stood longest has; 0 where all move or have nothing."""
        now, before, self._since = self._clock(), self._since, {}
        found = {topic: 0.0 for topic, _ in partitions}
        for place, (position, lag, paused) in partitions.items():
            was, since = before.get(place, (position, now))
            self._since[place] = (position, since if lag and not paused and position == was else now)
            found[place[0]] = max(found[place[0]], now - self._since[place][1])
        return found


async def measure(engine: Engine, redis: Redis) -> None:
    """Keeps the gauges until it is cancelled."""
    asking = asyncio.create_task(_measure_redis(redis))
    standstill, told = Standstill(), set[Place]()
    try:
        while True:
            metrics.READY.set(engine.ready)  # the engine sets it as it goes on, which may be long after it got worse
            progress = engine.progress()
            for topic, partition in told - progress.keys():  # it is another process's to tell of now
                metrics.LAG.remove(topic, str(partition))
            standing = dict.fromkeys((topic for topic, _ in told), 0.0) | standstill.seconds(progress)
            told = set(progress)
            for (topic, partition), state in progress.items():
                metrics.LAG.labels(topic, str(partition)).set(state.lag)
            for topic, seconds in standing.items():
                metrics.STANDING.labels(topic).set(seconds)
            for topic, (goal, left) in engine.catch_up().items():
                metrics.CATCH_UP_GOAL.labels(topic).set(goal)
                metrics.CATCH_UP_LEFT.labels(topic).set(left)
            for stage, (messages, seconds) in engine.unpublished().items():
                metrics.OUTBOX.labels(stage).set(messages)
                metrics.OUTBOX_SECONDS.labels(stage).set(seconds)
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        asking.cancel()


async def _measure_redis(redis: Redis) -> None:
    while True:
        try:
            async with asyncio.timeout(_REDIS_PATIENCE_SECONDS):
                memory = cast(Mapping[str, Any], await redis.info("memory"))
                persistence = cast(Mapping[str, Any], await redis.info("persistence"))
            metrics.REDIS_MEMORY.set(memory.get("used_memory", 0))
            metrics.REDIS_MEMORY_LIMIT.set(memory.get("maxmemory", 0))
            metrics.REDIS_APPEND_ONLY.set(persistence.get("aof_enabled", -1))
        except (RedisError, OSError, TimeoutError) as error:
            logger.debug("Redis does not say how it is: %s", error)
        await asyncio.sleep(_REDIS_SECONDS)
