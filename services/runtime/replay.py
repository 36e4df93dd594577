"""What waits to be applied to one partition of a stage, and the order in which it is.

Live, batches are applied as they come. That is no order to replay a partition in: after a wiped Redis all of it is read
again at once, and a fetch may bring a command before the verdict that it is about. So a stage whose result depends on
the order of its topics (`Stage.ordered`) is given them by the broker's time of arrival while it catches up: until each
topic has reached the end that it had when reading began, batches are merged, and cut where the next record of another
topic arrived earlier. A topic that has not got there and has nothing waiting is waited for. That ends: it was not at
its end, so more of it comes, if only an empty batch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from services.runtime.batch import Batch

#: Batches of a topic that wait behind the one being applied; more would only hold memory.
_ROOM = 2


class Waiting(NamedTuple):
    """A batch, and what to call once all of it is applied. Of two, the one with the lower number came first."""

    number: int
    batch: Batch
    done: Callable[[], None]


class Inbox:
    """The batches that wait for one partition of a stage."""

    def __init__(self, topics: Sequence[str], *, ordered: bool) -> None:
        self._ordered = ordered
        self._queues: Mapping[str, deque[Waiting]] = {topic: deque() for topic in topics}
        self._places = {topic: place for place, topic in enumerate(topics)}
        self._numbers = count()
        self._read_to: dict[str, int] = {}
        self._taken_to: dict[str, int] = {}
        self._targets: dict[str, int] = {}
        self._changed = asyncio.Event()

    def begin(self, topic: str, offset: int, target: int) -> None:
        """Drops what waits of the topic: it is read from the offset now, and catches up until it reaches the target."""
        self._queues[topic].clear()
        self._read_to[topic] = self._taken_to[topic] = offset
        self._targets[topic] = target
        self._changed.set()

    def stop(self, topic: str) -> None:
        """Drops what waits of the topic and whatever comes until `begin`; the others do not wait for it."""
        self._queues[topic].clear()
        self._read_to.pop(topic, None)
        self._targets.pop(topic, None)
        self._changed.set()

    def clear(self) -> None:
        """Drops everything, and whatever comes until `begin`."""
        for queue in self._queues.values():
            queue.clear()
        self._read_to.clear()
        self._changed.set()

    def add(self, batch: Batch, done: Callable[[], None]) -> None:
        """Takes in a batch that goes on where the last one ended; one from before a seek would leave a hole."""
        read_to = self._read_to.get(batch.topic)
        if read_to is not None and batch.start <= read_to < batch.end:
            self._read_to[batch.topic] = batch.end
            self._queues[batch.topic].append(Waiting(next(self._numbers), batch, done))
            self._changed.set()

    def take(self) -> Waiting | None:
        """What is to be applied next, None while there is nothing, or another topic has to come first."""
        topic = self._next()
        if topic is None:
            return None
        waiting = self._queues[topic].popleft()
        if self._catching_up():
            waiting = self._cut(topic, waiting)
        self._taken_to[topic] = waiting.batch.end
        self._changed.set()
        return waiting

    async def put(self, batch: Batch, done: Callable[[], None]) -> None:
        """As `add`, but waits while enough of the topic waits; not while another topic, which may come behind this
        batch, has to come first."""
        while len(self._queues[batch.topic]) >= _ROOM and self._next() is not None:
            await self._change()
        self.add(batch, done)

    async def ready(self) -> None:
        """Waits until there is something to take."""
        while self._next() is None:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _next(self) -> str | None:
        heads = [topic for topic, queue in self._queues.items() if queue]
        if not self._catching_up():
            return min(heads, key=lambda topic: self._queues[topic][0].number, default=None)
        if any(self._is_behind(topic) and not queue for topic, queue in self._queues.items()):
            return None
        return min(heads, key=self._arrival, default=None)

    def _catching_up(self) -> bool:
        return self._ordered and any(map(self._is_behind, self._queues))

    def _is_behind(self, topic: str) -> bool:
        return self._taken_to.get(topic, 0) < self._targets.get(topic, 0)

    def _arrival(self, topic: str) -> tuple[float, int]:
        """When the next record arrived; of several at once, the topic that the stage names first comes first."""
        records = self._queues[topic][0].batch.records
        return records[0].timestamp if records else -1, self._places[topic]

    def _cut(self, topic: str, waiting: Waiting) -> Waiting:
        """As much of the batch as arrived before the next record of any other topic; the rest goes on waiting."""
        others = [self._arrival(other) for other, queue in self._queues.items() if queue and other != topic]
        limit, place, batch = min(others, default=None), self._places[topic], waiting.batch
        if limit is None:
            return waiting
        size = next((n for n, record in enumerate(batch.records) if n and (record.timestamp, place) > limit), None)
        if size is None:
            return waiting
        first, rest = batch.split(size)
        self._queues[topic].appendleft(waiting._replace(batch=rest))
        return waiting._replace(batch=first, done=_nothing)


def _nothing() -> None:
    """A part of a batch is no reason to acknowledge it."""
