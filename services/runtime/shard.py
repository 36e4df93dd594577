"""The apply procedure: how one batch of one partition becomes state, messages and a moved position, exactly once."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from services.runtime import faults, metrics
from services.runtime.batch import Batch
from services.runtime.ledger import Ledger, Moved, Standing
from services.runtime.limits import DeadLetterLimit
from services.runtime.publisher import Publisher
from services.runtime.stage import Changes, Record, Stage

logger = logging.getLogger(__name__)

#: A worker that was stopped for longer than this between applying and publishing may have been replaced meanwhile.
_FENCE_SECONDS = 5.0


class RolledBack(Exception):
    """Redis went back in time. `positions` are the offsets to go on from; a topic without one begins anew."""

    def __init__(self, positions: Mapping[str, int]) -> None:
        super().__init__(f"the ledger fell back to {dict(positions)}")
        self.positions = positions


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
            await self._publisher.publish(messages)
            self._reached("open-published")
            await self._ledger.trim(self.partition, name)
        self._standing = standing
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
            changes = await self._changes(records, seen.version + 1) if records else Changes()  # 1, 2 and 3
            self._limit.check(batch.topic, self.partition, len(records), changes.rejected)
            self._reached("before-apply")
            try:
                with metrics.timed(self.stage.name, "apply"):
                    self._standing = await self._ledger.apply(  # 4
                        self.partition, seen, batch.topic, batch.end, changes
                    )
            except Moved:
                await self.reopen()
                continue
            applied_at = time.monotonic()
            self._limit.count(batch.topic, self.partition, len(records), changes.rejected)
            self._reached("after-apply")
            if changes.messages:
                await self._publish(changes.messages, applied_at)  # 5 and 6
            metrics.EVENTS.labels(self.stage.name).inc(len(records))
            for (counter, labels), increment in changes.counted.items():
                counter.labels(*labels).inc(increment)
            return  # 7: the caller acknowledges

    async def _changes(self, records: Sequence[Record], version: int) -> Changes:
        with metrics.timed(self.stage.name, "decode"):
            inputs = self.stage.decode(records)  # 1
        with metrics.timed(self.stage.name, "load"):
            state = await self.stage.load(self._redis, self.partition, inputs)  # 2
        with metrics.timed(self.stage.name, "fold"):
            return self.stage.fold(state, self.partition, inputs, version)  # 3

    async def _publish(self, messages: Sequence[Any], applied_at: float) -> None:
        name = self._standing.name
        if time.monotonic() - applied_at > _FENCE_SECONDS and not await self._ledger.holds(self.partition, name):
            logger.warning("%s %d: version %s was published by another worker", self.stage.name, self.partition, name)
            return
        if faults.wanted(self.stage.name, "mid-publish"):
            await self._publisher.publish(messages[: (len(messages) + 1) // 2])
            self._reached("mid-publish")
        with metrics.timed(self.stage.name, "publish"):
            await self._publisher.publish(messages)
        self._reached("after-publish")
        await self._ledger.trim(self.partition, name)
        self._reached("after-trim")

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
