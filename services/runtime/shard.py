"""The apply procedure: how one batch of one partition becomes state, messages and a moved position, exactly once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from redis.asyncio import Redis

from services.runtime import faults, metrics
from services.runtime.batch import Batch
from services.runtime.ledger import Ledger, Moved, Standing
from services.runtime.limits import DeadLetterLimit
from services.runtime.publisher import Publisher
from services.runtime.stage import Changes, QuietStage, Record, Stage, TimedStage

logger = logging.getLogger(__name__)

#: Timers that are applied at once; what more is due comes after what waits meanwhile.
_DUE_AT_ONCE = 500

#: A worker that was stopped for longer than this between applying and publishing may have been replaced meanwhile.
_FENCE_SECONDS = 5.0


class RolledBack(Exception):
    """Redis went back in time. `positions` are the offsets to go on from; a topic without one begins anew."""

    def __init__(self, positions: Mapping[str, int]) -> None:
        super().__init__(f"the ledger fell back to {dict(positions)}")
        self.positions = positions


class StillDue(Exception):
    """A stage left timers where they were, and they would be due for ever."""


class Shard:
    """One partition of a stage: its ledger as this worker last saw it, and the batches applied to it one by one."""

    def __init__(
        self,
        stage: Stage[Any, Any],
        partition: int,
        redis: Redis,
        ledger: Ledger,
        publisher: Publisher,
        limit: DeadLetterLimit | None = None,
    ) -> None:
        self.stage = stage
        self.partition = partition
        self._redis = redis
        self._ledger = ledger
        self._publisher = publisher
        self._limit = limit or DeadLetterLimit(0, 0)
        self._standing = Standing(0, {})
        #: Topic -> offset below which records are read once more, so that their age says nothing; set by the engine.
        self.again: dict[str, int] = {}
        #: Topic -> offset below which all that follows from records has been published; set by the engine.
        self.told: dict[str, int] = {}
        for topic in stage.topics:
            metrics.RECORD_SECONDS.observe_many((stage.name, topic), np.zeros(0))
        #: Whether messages of an earlier worker were published when the ledger was last opened. They may say less than
        #: what Kafka has of the same keys, where Redis lost its tail; so that is to be told again, behind them.
        self.drained = False
        #: Messages that were applied and that Kafka has not acknowledged, and since when (time.monotonic).
        self.unpublished: tuple[int, float] | None = None
        #: Versions whose messages are published and still in the outbox: forgotten with the next apply, or by `tidy`.
        self._published: list[str] = []
        #: A version, and what measures its changes once they are published; after an error, if they turn out applied.
        self._unmeasured: tuple[int, Callable[[], None]] | None = None

    @property
    def positions(self) -> Mapping[str, int]:
        """The next offset of each source topic, as last seen."""
        return self._standing.positions

    async def open(self) -> Mapping[str, int]:
        """Publishes what an earlier worker applied but may not have published, and reads where to go on from."""
        self.stage.forget(self.partition)
        # first, so that what another worker applies after the outbox was read is noticed, and published before ours
        standing = await self._ledger.standing(self.partition)
        self._reached("open")
        async for name, messages in self._ledger.outbox(self.partition):
            self._wait_for(messages)
            self.drained = True
            await self._publisher.publish(messages)
            self._reached("open-published")
            await self._ledger.trim(self.partition, name)
        self.unpublished = None
        self._published.clear()
        self._standing = standing
        self._measure_applied()
        return self._standing.positions

    async def reopen(self) -> None:
        """As `open`, after an error that left it open what was applied; raises RolledBack."""
        seen = self._standing
        await self.open()
        self._raise_if_behind(seen)

    async def check(self) -> None:
        """Raises RolledBack if Redis has gone back in time since this worker last looked."""
        now = await self._ledger.standing(self.partition)
        if now.name != self._standing.name:
            # another worker was here, and what it applied has to be published before what this one will
            await self.reopen()

    async def apply(self, batch: Batch) -> None:
        """Applies a batch and publishes what follows. When it returns, the batch may be acknowledged.

        Raises RolledBack; OverLimit, when nothing was applied; RedisError or KafkaError leave it open whether the batch
        was applied: call `open`, then `apply` again, and it is not applied twice.
        """
        while True:
            if self._standing.positions.get(batch.topic, 0) >= batch.end:
                return
            records = self._not_yet_applied(batch)
            seen = self._standing
            self._reached("before-load")
            quiet = self._is_told(batch)
            changes = await self._changes(records, seen.version + 1, quiet) if records else Changes()  # 1, 2 and 3
            self._limit.check(batch.topic, self.partition, len(records), changes.rejected)
            self._unmeasured = seen.version + 1, partial(self._measure, changes, batch.topic, records)
            if (asked_at := await self._commit(seen, batch.topic, batch.end, changes)) is not None:  # 4
                self._limit.count(batch.topic, self.partition, len(records), changes.rejected)
                await self._follow(changes, asked_at)  # 5 and 6
                return  # 7: the caller acknowledges

    async def tidy(self) -> None:
        """Empties the outbox of what is published, when no batch follows that would."""
        if self._published:
            await self._ledger.trim(self.partition, *self._published)
            self._published.clear()
            self._reached("after-trim")

    async def apply_due(self, now: int) -> bool:
        """Applies timers that are due by `now`, in milliseconds since the epoch; returns whether more may be.

        Raises StillDue, and as `apply` does.
        """
        assert isinstance(self.stage, TimedStage)
        while True:
            seen = self._standing
            members = await self._ledger.due(self.partition, now, _DUE_AT_ONCE)
            if not members:
                return False
            self._reached("before-load")
            state = await self.stage.load_due(self._redis, self.partition, members)
            changes = self.stage.fold_due(state, self.partition, members, now, seen.version + 1)
            due = [member for member in members if _is_due(changes.timers.get(member, now), now)]
            if due:
                raise StillDue(f"{self.stage.name} {self.partition}: {', '.join(due[:10])} ({len(due)} in all)")
            self._unmeasured = seen.version + 1, partial(self._measure, changes, "", ())
            if (asked_at := await self._commit(seen, None, 0, changes)) is not None:
                await self._follow(changes, asked_at)
                return len(members) == _DUE_AT_ONCE

    async def _commit(self, seen: Standing, topic: str | None, end: int, changes: Changes) -> float | None:
        """Applies the changes and returns when it was asked to; None if nothing was applied, because another worker was
        here."""
        self._reached("before-apply")
        asked_at = time.monotonic()
        try:
            with metrics.timed(self.stage.name, "apply"):
                published = tuple(self._published)
                self._standing = await self._ledger.apply(self.partition, seen, topic, end, changes, published)  # 4
        except Moved:
            self._unmeasured = None
            await self.reopen()
            return None
        self._published.clear()
        self._reached("after-apply")
        return asked_at

    async def _follow(self, changes: Changes, asked_at: float) -> None:
        """Publishes what follows from changes that were applied, and measures it."""
        if changes.messages:
            await self._publish(changes.messages, asked_at)
        self._measure_applied()

    def _measure_applied(self) -> None:
        unmeasured, self._unmeasured = self._unmeasured, None
        if unmeasured is not None and self._standing.version >= unmeasured[0]:
            unmeasured[1]()

    def _measure(self, changes: Changes, topic: str, records: Sequence[Record]) -> None:
        metrics.EVENTS.labels(self.stage.name).inc(len(records))
        for (counter, labels), increment in changes.counted.items():
            counter.labels(*labels).inc(increment)
        for histogram, labels, value in changes.observed:
            histogram.labels(*labels).observe(value)
        for gauge, moment in changes.newest.items():
            gauge.set(moment)
        if records:
            self._measure_ages(topic, records)

    def _is_told(self, batch: Batch) -> bool:
        """Whether what follows from the batch has been published. Where the state rests on a record of which that is
        not known, it isn't known of anything that follows from the state."""
        return batch.end <= self.told.get(batch.topic, 0) and all(
            position <= self.told.get(topic, 0) for topic, position in self._standing.positions.items()
        )

    async def _changes(self, records: Sequence[Record], version: int, quiet: bool) -> Changes:
        with metrics.timed(self.stage.name, "decode"):
            inputs = self.stage.decode(records)  # 1
        with metrics.timed(self.stage.name, "load"):
            state = await self.stage.load(self._redis, self.partition, inputs)  # 2
        with metrics.timed(self.stage.name, "fold"):
            if quiet:
                assert isinstance(self.stage, QuietStage)  # of no other is anything told
                return self.stage.fold_quietly(state, self.partition, inputs, version)  # 3
            return self.stage.fold(state, self.partition, inputs, version)  # 3

    async def _publish(self, messages: Sequence[Any], asked_at: float) -> None:
        name = self._standing.name
        self._wait_for(messages)
        if time.monotonic() - asked_at > _FENCE_SECONDS and not await self._ledger.holds(self.partition, name):
            logger.warning("%s %d: version %s is not in the outbox", self.stage.name, self.partition, name)
            await self.reopen()  # another worker has published it, or Redis has lost it
            return
        if faults.wanted(self.stage.name, "mid-publish"):
            await self._publisher.publish(messages[: (len(messages) + 1) // 2])
            self._reached("mid-publish")
        with metrics.timed(self.stage.name, "publish"):
            await self._publisher.publish(messages)
        self._published.append(name)
        self.unpublished = None
        self._reached("after-publish")

    def _wait_for(self, messages: Sequence[Any]) -> None:
        since = self.unpublished[1] if self.unpublished is not None else time.monotonic()
        self.unpublished = (len(messages), since)

    def _measure_ages(self, topic: str, records: Sequence[Record]) -> None:
        again = self.again.get(topic, 0)
        arrived = np.array([record.timestamp for record in records if record.offset >= again], float)
        metrics.RECORD_SECONDS.observe_many((self.stage.name, topic), time.time() - arrived / 1000)

    def _not_yet_applied(self, batch: Batch) -> Sequence[Record]:
        position = self._standing.positions.get(batch.topic, 0)
        if batch.start >= position:
            return batch.records
        return [record for record in batch.records if record.offset >= position]

    def _reached(self, step: str) -> None:
        faults.reached(self.stage.name, step)

    def _raise_if_behind(self, seen: Standing) -> None:
        now = self._standing
        fell = any(now.positions.get(topic, -1) < position for topic, position in seen.positions.items())
        if fell or now.version < seen.version:
            self.stage.forget(self.partition)
            raise RolledBack(now.positions)


def _is_due(moment: int | None, now: int) -> bool:
    return moment is not None and moment <= now
