"""The engine of a process: gives every owned partition its shard, feeds it batches, and keeps it going.

It sits between Faust, which says which partitions are owned and hands over fetched batches, and the shards, which
apply them. Errors of Redis or Kafka are waited out; a rollback of Redis makes it seek; anything else ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
from services.runtime.stage import BackgroundStage, QuietStage, Stage, TimedStage
from services.runtime.workload import Workload

logger = logging.getLogger(__name__)

#: A topic and a partition.
Place = tuple[str, int]
Seek = Callable[[Mapping[Place, int | None]], Awaitable[None]]

_CHECK_SECONDS = 2.0
#: How often to look whether timers are due.
_TIMER_SECONDS = 1.0
#: How long a stage in the background waits for the others each time, and how often it looks; and how often while they
#: catch up.
_GIVE_WAY_SECONDS, _LOOK_SECONDS, _LOOK_AGAIN_SECONDS = 0.05, 0.002, 0.1
#: While a stage has so many records in work, no further batch is taken in hand.
_IN_WORK = 5_000
#: How long a batch that is being applied may delay a rebalance; after that it is cut off, which is safe.
_FINISH_SECONDS = 5.0


class StillTakingOver(Exception):
    """It is not known yet where partitions are read from."""


class AheadOfKafka(Exception):
    """Redis stands for records that Kafka does not have: what comes at their offsets would be passed over."""


@dataclass(slots=True)
class _Lane:
    """A shard with the batches that wait for it."""

    shard: Shard
    inbox: Inbox
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Engine:
    """Runs the stages of one process over the partitions that it owns."""

    def __init__(
        self,
        stages: Sequence[Stage[Any, Any]],
        redis: Redis,
        publisher: Publisher,
        limit: DeadLetterLimit | None = None,
        clock: Callable[[], float] = time.time,
        republish: bool = False,
    ) -> None:
        """`clock` gives the seconds since the epoch by which timers are due. republish: a rebuild publishes anew what
        was published before."""
        self._republish = republish
        self._redis = redis
        self._publisher = publisher
        self._stages = {topic: stage for stage in stages for topic in stage.topics}
        self._ledgers = {stage.name: Ledger(redis, stage.name) for stage in stages}
        self._workloads = {stage.name: Workload(_IN_WORK) for stage in stages}
        self._background: set[str] = set()
        for stage in stages:
            if isinstance(stage, BackgroundStage):
                self._background.add(stage.name)
                stage.give_way = partial(self.give_way, stage.name)
        for name in self._ledgers:  # from zero, so that the first one is an increase
            metrics.RETRIES.labels(name)
            metrics.ROLLBACKS.labels(name)
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._targets: dict[Place, int] = {}
        self._applied: dict[Place, int] = {}
        self._begun: dict[Place, int] = {}
        #: What this process was given last; None before it was told.
        self._given: set[Place] | None = None
        self._caught_up = False
        self._rollbacks = self._rollbacks_settled = 0
        self._assigning = asyncio.Lock()
        self._limit = limit or DeadLetterLimit(0, 0)
        self._clock = clock
        self._paused: dict[Place, Pause] = {}
        #: How the consumer is told to fetch no more of a partition, and to go on; set by the transport.
        self.hold: Callable[[Place], None] = lambda place: None
        self.resume: Callable[[Place], None] = lambda place: None
        #: How the consumer is told to fetch no more of a partition until it is assigned anew; set by the transport.
        self.give_up: Callable[[Place], None] = lambda place: None
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
        self._given = places
        await self.release()
        self._applied.clear()
        self._targets.clear()
        self._begun.clear()
        self._caught_up = False
        self._limit.keep_only(places)
        for place in self._paused.keys() - places:
            del self._paused[place]
            metrics.PAUSED.remove(place[0], str(place[1]))
        for topic, partition in places:
            stage = self._stages[topic]
            if (stage.name, partition) not in self._lanes:
                self._lanes[stage.name, partition] = self._new_lane(stage, partition)
        await asyncio.gather(*(persist(lane.shard.open, "open") for lane in self._lanes.values()))
        for lane in self._lanes.values():
            lane.tasks.append(asyncio.create_task(self._run(lane)))
            if isinstance(lane.shard.stage, TimedStage):
                lane.tasks.append(asyncio.create_task(self._run_timers(lane)))
        for stage in {stage.name: stage for stage in self._stages.values()}.values():
            owned = sum(name == stage.name for name, _ in self._lanes)
            metrics.ASSIGNED.labels(stage.name).set(owned)
        lanes = {place: self._lanes.get((self._stages[place[0]].name, place[1])) for place in places}
        # without those that were given away meanwhile
        return {place: lane.shard.positions.get(place[0]) for place, lane in lanes.items() if lane is not None}

    def begin(
        self, offsets: Mapping[Place, int], ends: Mapping[Place, int], told: Mapping[Place, int] | None = None
    ) -> None:
        """Says where partitions are read from, and where they end now: the process is ready once it has got there.

        told: the offset below which all that follows from a partition's records has been published, where there is one.
        """
        self._applied.update(offsets)
        self._targets.update(ends)
        self._begun.update(offsets)
        self._caught_up = False
        lost = self._rollbacks != self._rollbacks_settled
        lanes = {place: self._lanes.get((self._stages[place[0]].name, place[1])) for place in offsets}
        for (topic, partition), offset in offsets.items():
            if (lane := lanes[topic, partition]) is not None:
                quiet = isinstance(lane.shard.stage, QuietStage) and not lane.shard.drained
                lane.shard.told[topic] = (told or {}).get((topic, partition), 0) if quiet else 0
                lane.inbox.begin(topic, offset, ends[topic, partition], lane.shard.told[topic])
                if lost or topic not in lane.shard.positions:
                    lane.shard.again[topic] = ends[topic, partition]
                if (topic, partition) in self._paused:
                    lane.inbox.stop(topic)
        for lane in lanes.values():
            if lane is not None:
                lane.shard.drained = False
        self._note_progress()

    @property
    def _begins_known(self) -> bool:
        """Whether it is known of all that this process was given where it is read from."""
        return self._given is not None and self._given <= self._begun.keys()

    def tells_anew(self, place: Place) -> bool:
        """Whether what was told of the partition is told again: all is, or what an earlier worker left in the outbox
        was published, and may say less than what Kafka had."""
        lane = self._lanes.get((self._stages[place[0]].name, place[1]))
        return self._republish or (lane is not None and lane.shard.drained)

    async def taken_over(self) -> None:
        """Raises StillTakingOver while this process takes over what it was given: of that nothing is said to lag."""
        if self._given is not None and not self._begins_known:
            raise StillTakingOver

    async def release(self) -> None:
        """Lets go of every partition; what is being applied is finished first, what waits is dropped."""
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(self._close(lane) for lane in lanes.values()))

    @staticmethod
    async def _close(lane: _Lane) -> None:
        finished = False
        try:
            with contextlib.suppress(TimeoutError):
                finished = await asyncio.wait_for(lane.lock.acquire(), _FINISH_SECONDS)
        finally:
            for task in lane.tasks:
                task.cancel()
        try:
            await asyncio.gather(*lane.tasks, return_exceptions=True)
            with contextlib.suppress(*PASSING, TimeoutError):
                # else the next owner publishes once more what is published
                await asyncio.wait_for(lane.shard.tidy(), _FINISH_SECONDS)
            lane.inbox.clear()
        finally:
            if finished:
                lane.lock.release()  # the watch may be waiting for it

    def submit(self, batch: Batch, acknowledge: Callable[[], None]) -> None:
        """Hands a batch to its shard, which has the consumer hold the partition once it has enough to do: to wait here
        would hold up every other partition too."""
        stage = self._stages[batch.topic]
        lane = self._lanes.get((stage.name, batch.partition))
        if (batch.topic, batch.partition) in self._paused:
            self.give_up((batch.topic, batch.partition))  # once more: after a rebalance Faust fetches everything
        elif lane is not None:
            metrics.BATCH_RECORDS.labels(stage.name).observe(len(batch.records))
            lane.inbox.add(batch, acknowledge)

    async def watch(self) -> None:
        """Looks now and then whether Redis has gone back in time, which no batch would notice while input is quiet."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            rollbacks, unsure = self._rollbacks, False
            for place, lane in list(self._lanes.items()):
                async with lane.lock:
                    if self._lanes.get(place) is not lane:
                        continue  # given away while this waited
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

    async def give_way(self, stage: str) -> None:
        """Waits while batches of other stages are under way or wait, but not for long."""
        until = time.monotonic() + _GIVE_WAY_SECONDS
        others = [lane for (name, _), lane in self._lanes.items() if name != stage]
        while any(lane.lock.locked() or not lane.inbox.is_empty for lane in others) and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)

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

    def settled(self, stage: str) -> list[int]:
        """The partitions of a stage that this process owns and that have caught up with what was there."""
        lanes = [(partition, lane) for (name, partition), lane in self._lanes.items() if name == stage]
        return sorted(partition for partition, lane in lanes if self._has_caught_up(lane))

    def progress(self) -> dict[Place, Progress]:
        """Where each partition stands."""
        return {
            place: Progress(applied, max(0, (self.end_of(place) or 0) - applied), self._waits(place))
            for place, applied in self._applied.items()
        }

    def _waits(self, place: Place) -> bool:
        """Whether nothing is expected of the partition: it is paused, or another topic or stage comes first."""
        stage = self._stages[place[0]]
        lane = self._lanes.get((stage.name, place[1]))
        return place in self._paused or (lane is not None and lane.inbox.waits(place[0])) or self._comes_later(stage)

    def _comes_later(self, stage: Stage[Any, Any]) -> bool:
        """Whether it is a stage of the background, and others have not caught up."""
        return (
            not self._caught_up
            and stage.name in self._background
            and any(
                self._applied.get(place, 0) < end and place not in self._paused and self._stages[place[0]] is not stage
                for place, end in self._targets.items()
            )
        )

    def catch_up(self) -> dict[str, tuple[int, int]]:
        """Topic -> records that were there when reading last began, and those of them that are still to apply."""
        found = dict.fromkeys(self._stages, (0, 0))
        for (topic, partition), end in self._targets.items():
            begun = self._begun[topic, partition]
            left = max(0, end - max(begun, self._applied.get((topic, partition), 0)))
            found[topic] = (found[topic][0] + max(0, end - begun), found[topic][1] + left)
        return found

    def unpublished(self) -> dict[str, tuple[int, float]]:
        """Stage -> messages that Kafka has not acknowledged yet, and for how many seconds the oldest has waited."""
        now, found = time.monotonic(), {stage.name: (0, 0.0) for stage in self._stages.values()}
        for (name, _), lane in self._lanes.items():
            if lane.shard.unpublished is not None:
                count, since = lane.shard.unpublished
                found[name] = (found[name][0] + count, max(found[name][1], now - since))
        return found

    async def _run(self, lane: _Lane) -> None:
        pause, workload = lane.shard.stage.pause_seconds, self._workloads[lane.shard.stage.name]
        while True:
            await lane.inbox.ready()
            while self._comes_later(lane.shard.stage):
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            async with lane.lock:
                with self._fatal_errors(lane):
                    await workload.turn()
                    await self._apply_next(lane, workload)
                    if lane.inbox.is_empty:  # else the next batch does it
                        await self._noticing(lane, lane.shard.tidy)
            if pause:
                await asyncio.sleep(pause)

    async def _apply_next(self, lane: _Lane, workload: Workload) -> None:
        # a call of its own, so that a lane which waits for more holds nothing of what it applied; and taken only in its
        # turn, since what was fetched before a rollback was noticed is no longer there
        waiting = lane.inbox.take()
        with workload.of(len(waiting.batch.records) if waiting is not None else 0):
            if waiting is not None:
                await self._apply(lane, waiting.batch, waiting.done)

    async def _run_timers(self, lane: _Lane) -> None:
        while True:
            await asyncio.sleep(_TIMER_SECONDS)
            more = True
            while more:  # batches that wait for the lock come between
                async with lane.lock:
                    with self._fatal_errors(lane):
                        more = self._has_caught_up(lane) and await self._apply_due(lane)

    def _has_caught_up(self, lane: _Lane) -> bool:
        """Whether all that was there when reading began is applied: before that, what removes a timer may be to come.
        Of a partition that is paused it is."""
        places = [(topic, lane.shard.partition) for topic in lane.shard.stage.topics]
        return all(
            place in self._targets and self._applied.get(place, 0) >= self._targets[place] and place not in self._paused
            for place in places
        )

    async def _apply_due(self, lane: _Lane) -> bool:
        """Applies some of the timers that are due; returns whether more may be."""
        now, more = int(self._clock() * 1000), False

        async def apply() -> None:
            nonlocal more
            if not (more := await lane.shard.apply_due(now)):
                await lane.shard.tidy()

        await self._noticing(lane, apply)
        return more

    async def _noticing(self, lane: _Lane, action: Callable[[], Awaitable[None]]) -> None:
        """Does it until it succeeds, or Redis turns out to have gone back in time."""
        try:
            await persist(action, lane.shard.stage.name, before_again=lane.shard.reopen)
        except RolledBack as back:
            await self._go_back(lane, back)

    @contextlib.contextmanager
    def _fatal_errors(self, lane: _Lane) -> Iterator[None]:
        """An error inside, which is none that passes, ends the process."""
        try:
            yield
        except Exception as error:
            logger.exception("%s %d: cannot go on", lane.shard.stage.name, lane.shard.partition)
            if self.on_fatal is not None:
                self.on_fatal(error)
            raise

    async def _apply(self, lane: _Lane, batch: Batch, acknowledge: Callable[[], None]) -> None:
        name = lane.shard.stage.name
        try:
            with metrics.BATCH_SECONDS.labels(name).time():
                await persist(lambda: lane.shard.apply(batch), name, before_again=lane.shard.reopen)
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
        self.give_up(place)
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

    def _new_lane(self, stage: Stage[Any, Any], partition: int) -> _Lane:
        shard = Shard(stage, partition, self._redis, self._ledgers[stage.name], self._publisher, self._limit)
        inbox = Inbox(
            stage.topics,
            replay=stage.replay,
            hold=lambda topic: self.hold((topic, partition)),
            resume=lambda topic: self.resume((topic, partition)),
        )
        return _Lane(shard, inbox)

    def _note_progress(self) -> None:
        if not self._caught_up and self._begins_known:
            self._caught_up = all(self._applied.get(place, 0) >= end for place, end in self._targets.items())
        metrics.READY.set(self.ready)


async def _no_answer() -> None:
    """Before there is a consumer, there is nothing to ask."""
