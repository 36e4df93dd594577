"""What waits to be applied to one partition of a stage, and the order in which it is.

Live, batches are applied as they come, those of one topic that wait behind each other as one. That is no order to
replay a partition in: after a wiped Redis all of it is read again at once, and a fetch may bring a command before the
verdict that it is about. So a stage may ask for an order (`Stage.replay`) that holds while it catches up: until each
topic has reached the end that it had when reading began. By arrival, batches are merged, and cut where the next record
of another topic arrived earlier. In turn, whatever there is of an earlier topic comes before any of a later one. A
topic that has not got there and has nothing waiting is waited for. That ends: it was not at its end, so more of it
comes, if only an empty batch.

Before all that, each topic is read up to the offset to which what follows from it has been published, and none beyond
until all have got there: as far as that, a rebuild says nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from services.runtime.batch import Batch, joined
from services.runtime.stage import Replay

#: When so much of a topic waits, no more of it is fetched until half of that is taken. One fetch may bring twice that.
_ROOM_BYTES = 1024 * 1024
#: What is applied at once; folding more would hold up the other partitions for too long.
_JOINED_RECORDS = 5000


class Waiting(NamedTuple):
    """A batch, and what to call once all of it is applied. Of two, the one with the lower number came first."""

    number: int
    batch: Batch
    done: Callable[[], None]
    size: int


class Inbox:
    """The batches that wait for one partition of a stage.

    `hold` is called with a topic of which enough waits, and `resume` once there is room again.
    """

    def __init__(
        self,
        topics: Sequence[str],
        *,
        replay: Replay,
        hold: Callable[[str], None] = lambda topic: None,
        resume: Callable[[str], None] = lambda topic: None,
    ) -> None:
        self._replay = replay
        self._hold, self._resume = hold, resume
        self._waits = dict.fromkeys(topics, 0)
        self._held: set[str] = set()
        self._queues: Mapping[str, deque[Waiting]] = {topic: deque() for topic in topics}
        self._places = {topic: place for place, topic in enumerate(topics)}
        self._numbers = count()
        self._read_to: dict[str, int] = {}
        self._taken_to: dict[str, int] = {}
        self._targets: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._stopped: set[str] = set()
        self._changed = asyncio.Event()

    def begin(self, topic: str, offset: int, target: int, told: int = 0) -> None:
        """Drops what waits of the topic: it is read from the offset now, and catches up until it reaches the target.
        What follows from what is before `told` has been published."""
        self._drop(topic)
        self._read_to[topic] = self._taken_to[topic] = offset
        self._targets[topic] = target
        self._told[topic] = told
        self._stopped.discard(topic)
        self._changed.set()

    def stop(self, topic: str) -> None:
        """Drops what waits of the topic and whatever comes until `begin`; the others do not wait for it. But where not
        all is read that was told of it, they go no further than what was told of them: what follows from both would be
        said by nobody."""
        self._drop(topic)
        self._read_to.pop(topic, None)
        self._targets.pop(topic, None)
        self._stopped.add(topic)
        self._changed.set()

    def clear(self) -> None:
        """Drops everything, and whatever comes until `begin`."""
        for topic in self._queues:
            self._drop(topic)
        self._read_to.clear()
        self._changed.set()

    def add(self, batch: Batch, done: Callable[[], None]) -> None:
        """Takes in a batch that goes on where the last one ended; one from before a seek would leave a hole."""
        read_to = self._read_to.get(batch.topic)
        if read_to is not None and batch.start <= read_to < batch.end:
            self._read_to[batch.topic] = batch.end
            waiting = Waiting(next(self._numbers), batch, done, batch.size)
            self._queues[batch.topic].append(waiting)
            self._count(batch.topic, waiting.size)
            self._changed.set()

    def take(self) -> Waiting | None:
        """What is to be applied next, None while there is nothing, or another topic has to come first."""
        topic = self._next()
        if topic is None:
            return None
        merging = self._replay is Replay.ARRIVAL and self._catching_up()
        waiting = self._cut(topic) if merging else self._join(topic)
        self._taken_to[topic] = waiting.batch.end
        self._count(topic, -waiting.size)
        return waiting

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take."""
        return self._next() is None

    def waits(self, topic: str) -> bool:
        """Whether there is something of the topic, and another's turn comes first while the partition catches up."""
        return bool(self._queues[topic]) and self._catching_up() and self._next() != topic

    async def ready(self) -> None:
        """Waits until there is something to take."""
        while self.is_empty:
            self._changed.clear()
            await self._changed.wait()

    def _drop(self, topic: str) -> None:
        self._queues[topic].clear()
        self._count(topic, -self._waits[topic])

    def _count(self, topic: str, size: int) -> None:
        self._waits[topic] += size
        if self._waits[topic] >= _ROOM_BYTES:
            self._held.add(topic)
            self._hold(topic)
        elif topic in self._held and self._waits[topic] <= _ROOM_BYTES // 2:
            self._held.discard(topic)
            self._resume(topic)

    def _next(self) -> str | None:
        behind, retelling = self._behind()
        # of what was told, nothing beyond
        heads = [topic for topic, queue in self._queues.items() if queue and (topic in behind or not retelling)]
        if self._replay is Replay.ANY or not behind:
            return min(heads, key=lambda topic: self._queues[topic][0].number, default=None)
        awaited = [topic for topic in behind if not self._queues[topic] and topic not in self._stopped]
        if self._replay is Replay.TURN:
            first = min([*heads, *awaited], key=self._places.__getitem__, default=None)
            return first if first in heads else None
        return None if awaited else min(heads, key=self._arrival, default=None)

    def _catching_up(self) -> bool:
        behind, retelling = self._behind()
        return bool(behind) and (retelling or self._replay is not Replay.ANY)

    def _behind(self) -> tuple[list[str], bool]:
        """The topics that come before anything else, and whether that is up to what has been told of them, which comes
        first, or to their targets."""
        for goals in (self._told, self._targets):
            behind = [topic for topic in self._queues if self._taken_to.get(topic, 0) < goals.get(topic, 0)]
            if behind:
                return behind, goals is self._told
        return [], False

    def _arrival(self, topic: str) -> tuple[float, int]:
        """When the next record arrived; of several at once, the topic that the stage names first comes first."""
        records = self._queues[topic][0].batch.records
        return records[0].timestamp if records else -1, self._places[topic]

    def _join(self, topic: str) -> Waiting:
        """The next batch, with those of the topic that wait right behind it; of what has been told, nothing beyond."""
        queue, told = self._queues[topic], self._told.get(topic, 0)
        if queue[0].batch.start < told < queue[0].batch.end:
            return self._part(topic, told)
        row = [queue.popleft()]
        records = len(row[0].batch.records)
        while self._next() == topic and queue[0].batch.start == row[-1].batch.end:
            records += len(queue[0].batch.records)
            if records > _JOINED_RECORDS or row[-1].batch.end <= told < queue[0].batch.end:
                break
            row.append(queue.popleft())

        def done() -> None:
            for waiting in row:
                waiting.done()

        size = sum(waiting.size for waiting in row)
        return Waiting(row[0].number, joined([waiting.batch for waiting in row]), done, size)

    def _cut(self, topic: str) -> Waiting:
        """As much of the next batch as arrived before the next record of any other topic; the rest goes on waiting."""
        queue = self._queues[topic]
        others = [self._arrival(other) for other, queue in self._queues.items() if queue and other != topic]
        limit, place, records = min(others, default=None), self._places[topic], queue[0].batch.records
        if limit is not None:
            later = (record.offset for n, record in enumerate(records) if n and (record.timestamp, place) > limit)
            if (middle := next(later, None)) is not None:
                return self._part(topic, middle)
        return queue.popleft()

    def _part(self, topic: str, middle: int) -> Waiting:
        """What the next batch holds of before that offset; the rest goes on waiting."""
        waiting = self._queues[topic].popleft()
        first, rest = waiting.batch.split(middle)
        self._queues[topic].appendleft(waiting._replace(batch=rest, size=waiting.size - first.size))
        return waiting._replace(batch=first, done=_nothing, size=first.size)


def _nothing() -> None:
    """A part of a batch is no reason to acknowledge it."""
