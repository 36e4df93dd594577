"""The engine of a process: gives every owned partition its shard, feeds it batches, and keeps it going.

It sits between Faust, which says which partitions are owned and hands over fetched batches, and the shards, which
apply them. Errors of Redis or Kafka are waited out; a rollback of Redis makes it seek; anything else ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from services.runtime import metrics
from services.runtime.batch import Batch
from services.runtime.ledger import Ledger
from services.runtime.limits import DeadLetterLimit, OverLimit, Pause
from services.runtime.liveness import Progress
from services.runtime.patience import PASSING, persist
from services.runtime.publisher import Publisher
from services.runtime.replay import Inbox
from services.runtime.shard import RolledBack, Shard
from services.runtime.stage import Stage

logger = logging.getLogger(__name__)

#: A topic and a partition.
Place = tuple[str, int]
Seek = Callable[[Mapping[Place, int | None]], Awaitable[None]]

_CHECK_SECONDS = 2.0
#: How long a batch that is being applied may delay a rebalance; after that it is cut off, which is safe.
_FINISH_SECONDS = 5.0


@dataclass(slots=True)
class _Lane:
    """A shard with the batches that wait for it."""

    shard: Shard
    inbox: Inbox
    task: asyncio.Task[None] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Engine:
    """Runs the stages of one process over the partitions that it owns."""

    def __init__(
        self,
        stages: Sequence[Stage[Any, Any]],
        redis: Redis,
        publisher: Publisher,
        limit: DeadLetterLimit | None = None,
    ) -> None:
        self._redis = redis
        self._publisher = publisher
        self._stages = {topic: stage for stage in stages for topic in stage.topics}
        self._ledgers = {stage.name: Ledger(redis, stage.name) for stage in stages}
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._targets: dict[Place, int] = {}
        self._applied: dict[Place, int] = {}
        self._caught_up = False
        self._rollbacks = self._rollbacks_settled = 0
        self._assigning = asyncio.Lock()
        self._limit = limit or DeadLetterLimit(0, 0)
        self._paused: dict[Place, Pause] = {}
        #: How the consumer is told to fetch no more of a partition; set by the transport.
        self.hold: Callable[[Place], None] = lambda place: None
        #: How the consumer is told to go on from other positions; set by the transport.
        self.seek: Seek | None = None
        #: Where a partition ends, as the last fetch said (None: not fetched yet); set by the transport.
        self.end_of: Callable[[Place], int | None] = lambda place: None
        #: Returns once the broker has answered; set by the transport, later than the engine is wired.
        self.ask_broker: Callable[[], Awaitable[None]] = _no_answer
        #: What ends the process when an error is not one that passes.
        self.on_fatal: Callable[[BaseException], None] | None = None

    async def assign(self, places: Iterable[Place]) -> dict[Place, int | None]:
        """Takes over the partitions: drains their outboxes and returns where to read on (None: from the start)."""
        async with self._assigning:
            return await self._assign(set(places))

    async def _assign(self, places: set[Place]) -> dict[Place, int | None]:
        await self.release()
        self._applied.clear()
        self._targets.clear()
        self._caught_up = False
        self._limit.keep_only(places)
        for place in self._paused.keys() - places:
            del self._paused[place]
            metrics.PAUSED.remove(place[0], str(place[1]))
        for topic, partition in places:
            stage = self._stages[topic]
            if (stage.name, partition) not in self._lanes:
                shard = Shard(stage, partition, self._redis, self._ledgers[stage.name], self._publisher, self._limit)
                self._lanes[stage.name, partition] = _Lane(shard, Inbox(stage.topics, ordered=stage.ordered))
        await asyncio.gather(*(persist(lane.shard.open, "open") for lane in self._lanes.values()))
        for lane in self._lanes.values():
            lane.task = asyncio.create_task(self._run(lane))
        for stage in {stage.name: stage for stage in self._stages.values()}.values():
            owned = sum(name == stage.name for name, _ in self._lanes)
            metrics.ASSIGNED.labels(stage.name).set(owned)
        return {place: self._lane(*place).shard.positions.get(place[0]) for place in places}

    def begin(self, offsets: Mapping[Place, int], ends: Mapping[Place, int]) -> None:
        """Says where partitions are read from, and where they end now: the process is ready once it has got there."""
        self._applied.update(offsets)
        self._targets.update(ends)
        self._caught_up = False
        for (topic, partition), offset in offsets.items():
            if (lane := self._lanes.get((self._stages[topic].name, partition))) is not None:
                lane.inbox.begin(topic, offset, ends[topic, partition])
                if (topic, partition) in self._paused:
                    lane.inbox.stop(topic)
        self._note_progress()

    async def release(self) -> None:
        """Lets go of every partition; what is being applied is finished first, what waits is dropped."""
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(self._close(lane) for lane in lanes.values()))

    @staticmethod
    async def _close(lane: _Lane) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lane.lock.acquire(), _FINISH_SECONDS)
        if lane.task is not None:
            lane.task.cancel()
            await asyncio.gather(lane.task, return_exceptions=True)
        lane.inbox.clear()  # wakes a feeder that waits for room

    async def submit(self, batch: Batch, acknowledge: Callable[[], None]) -> None:
        """Hands a batch to its shard; waits while that has enough to do."""
        stage = self._stages[batch.topic]
        lane = self._lanes.get((stage.name, batch.partition))
        if (batch.topic, batch.partition) in self._paused:
            self.hold((batch.topic, batch.partition))  # once more: after a rebalance Faust fetches everything
        elif lane is not None:
            metrics.BATCH_RECORDS.labels(stage.name).observe(len(batch.records))
            await lane.inbox.put(batch, acknowledge)

    async def watch(self) -> None:
        """Looks now and then whether Redis has gone back in time, which no batch would notice while input is quiet."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            rollbacks, unsure = self._rollbacks, False
            for lane in list(self._lanes.values()):
                async with lane.lock:
                    try:
                        await lane.shard.check()
                    except RolledBack as back:
                        await self._go_back(lane, back)
                    except PASSING as error:
                        unsure = True
                        logger.warning("%s %d: %s", lane.shard.stage.name, lane.shard.partition, error)
            if not unsure and self._rollbacks == rollbacks:
                self._rollbacks_settled = rollbacks
                self._note_progress()

    @property
    def ready(self) -> bool:
        """Whether this process owns what it was given and has caught up with what was there when it got it.

        After a rollback, not before every partition has been looked at: the others have gone back too.
        """
        return self._caught_up and self._rollbacks == self._rollbacks_settled and not self._paused

    @property
    def paused(self) -> list[Pause]:
        """The partitions that are not read on until the service is started again."""
        return sorted(self._paused.values())

    def progress(self) -> dict[Place, Progress]:
        """Where each partition stands."""
        return {
            place: Progress(applied, max(0, (self.end_of(place) or 0) - applied), place in self._paused)
            for place, applied in self._applied.items()
        }

    async def _run(self, lane: _Lane) -> None:
        pause = lane.shard.stage.pause_seconds
        while True:
            await lane.inbox.ready()
            async with lane.lock:
                try:
                    # taken only now: what was fetched before a rollback was noticed is no longer there
                    if (waiting := lane.inbox.take()) is not None:
                        await self._apply(lane, waiting.batch, waiting.done)
                except asyncio.CancelledError:
                    raise
                except Exception as error:
                    logger.exception("%s %d: cannot go on", lane.shard.stage.name, lane.shard.partition)
                    if self.on_fatal is not None:
                        self.on_fatal(error)
                    raise
            if pause:
                await asyncio.sleep(pause)

    async def _apply(self, lane: _Lane, batch: Batch, acknowledge: Callable[[], None]) -> None:
        try:
            await persist(lambda: lane.shard.apply(batch), lane.shard.stage.name, before_again=lane.shard.reopen)
        except RolledBack as back:
            await self._go_back(lane, back)
            return
        except OverLimit as over:
            self._pause(lane, over.pause)
            return
        self._applied[batch.topic, batch.partition] = batch.end
        acknowledge()
        self._note_progress()

    def _pause(self, lane: _Lane, pause: Pause) -> None:
        logger.error("%s partition %d is paused: %s", pause.topic, pause.partition, pause.reason)
        place = (pause.topic, pause.partition)
        self._paused[place] = pause
        metrics.PAUSED.labels(pause.topic, str(pause.partition)).set(1)
        lane.inbox.stop(pause.topic)
        self.hold(place)
        self._note_progress()

    async def _go_back(self, lane: _Lane, back: RolledBack) -> None:
        stage, partition = lane.shard.stage, lane.shard.partition
        logger.error("%s %d: Redis went back in time: %s", stage.name, partition, back)
        metrics.ROLLBACKS.labels(stage.name).inc()
        self._rollbacks += 1
        lane.inbox.clear()
        if (seek := self.seek) is not None:
            places = {(topic, partition): back.positions.get(topic) for topic in stage.topics}
            await persist(lambda: seek(places), stage.name)

    def _lane(self, topic: str, partition: int) -> _Lane:
        return self._lanes[self._stages[topic].name, partition]

    def _note_progress(self) -> None:
        if not self._caught_up:
            self._caught_up = all(self._applied.get(place, 0) >= end for place, end in self._targets.items())
        metrics.READY.set(self.ready)


async def _no_answer() -> None:
    """Before there is a consumer, there is nothing to ask."""
