"""A Faust transport that hands each agent whole fetched batches, and begins every partition where the ledger stands.

Written against faust-streaming 0.15.3 (`tests/unit/test_transport_contract.py` fails when what it overrides changes).
Faust's own consumer makes several tasks for each message and acknowledges messages one by one; here a "message" is the
batch of records that one fetch brought for one partition, and its offset is that of its first record.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, cast

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from services.runtime.batch import Batch
from services.runtime.engine import AheadOfKafka, Engine, Place
from services.runtime.spans import Span, SpanThread

#: Stands for the start of all that was applied before reading began.
_BEFORE = -1
#: How often Kafka is asked where its partitions end, if that is before what was applied, and how long after each time.
_ENDS_ASKED, _ENDS_SECONDS = 5, 1.0
#: How long Faust is kept waiting while partitions are taken over. It waits for 40 s (broker_request_timeout); after
#: that it would take the service for stopped, and never let anything be read again.
_TAKE_OVER_SECONDS = 30.0
#: Of so many partitions an error says where they end.
_PLACES_SAID = 5


class BatchSchema(faust.Schema[Any, Any]):  # type: ignore[type-var,unused-ignore]
    """Passes batches through: records stay raw bytes, to be decoded where a bad one can be answered."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Any]:
        """Overridden because Faust would decode key and value, and acknowledge what fails before it is kept."""

        async def decode(message: Message, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, message.headers, message)

        return decode


class _NoOffsets(dict[TP, int | None]):
    """In the place of Faust's records of what was read and what was committed last, by which it drops messages and
    acknowledgements of what comes before. It notes them when a message is handed on, or a commit has been answered:
    that may be after a seek, and all that is read again would then be dropped, or never be committed."""

    def __getitem__(self, tp: TP) -> int | None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        """Nothing is noted."""


class BatchConsumer(driver.Consumer):
    """Yields one message for each fetched batch, and commits to the end of the last batch of an unbroken row."""

    _thread: SpanThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.engine: Engine = cast(BatchTransport, self.transport).engine
        self.engine.seek = self.go_back
        self.engine.end_of = lambda place: self.highwater(self._new_topicpartition(*place))
        self.engine.hold = lambda place: self.on_buffer_full(TP(*place))
        self.engine.resume = lambda place: self.on_buffer_drop(TP(*place))
        self.engine.give_up = lambda place: self.pause_partitions([self._new_topicpartition(*place)])
        self.engine.ask_broker = self._ask_broker
        self._delivered: dict[TP, deque[tuple[int, int]]] = defaultdict(deque)
        self._read_to: dict[TP, int] = {}
        self._taking_over: asyncio.Task[None] | None = None
        self._read_offset = _NoOffsets()
        self._committed_offset = _NoOffsets()

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return SpanThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Overridden to yield batches. Where Faust would seek to the committed offsets after a rebalance, nothing is
        done: `seek_to_committed` runs before the flow goes on.

        A batch may be empty: it then stands for offsets that hold nothing to apply, such as the marks of transactions.
        """
        spans, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if spans is None or self.should_stop:
            return
        for tp, span in cast(Mapping[TP, Span], spans).items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break
            start = self._read_to.get(tp)
            if start is not None and span.start > start:
                # fetched before a seek; or a fetch was dropped, and what it had must be read again
                await self.seek_wait({tp: start})
            elif start is not None and start < span.end:
                self._read_to[tp] = span.end
                self._delivered[tp].append((start, span.end))
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                batch = Batch(tp.topic, tp.partition, span.start, span.end, span.records)
                if span.start < start:  # it was fetched before a seek
                    _, batch = batch.split(start)
                yield tp, self._message(tp, batch)

    def _message(self, tp: TP, batch: Batch) -> Message:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.start,
            0.0,
            0,
            [],
            None,
            batch,  # type: ignore[arg-type]
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _new_offset(self, tp: TP) -> int | None:
        """Overridden because an acknowledged offset stands for a batch: what may be committed is the end of the last
        batch before the first that is not acknowledged."""
        delivered, acked = self._delivered[tp], self._acked_index[tp]
        end = None
        while delivered and delivered[0][0] in acked:
            first, end = delivered.popleft()
            acked.discard(first)
            self._acked[tp].remove(first)
        return end

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Overridden because the offsets inside a batch are no gap."""

    async def _ask_broker(self) -> None:
        if assigned := self.assignment():
            await self.highwaters(*assigned)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Overridden because Kafka's committed offsets are advisory: what counts is where the ledger stands.

        While Redis or Kafka is away, taking over goes on behind Faust's back: nothing is handed on before its seek.
        """
        await self._stop_taking_over()
        taking_over = self._taking_over = asyncio.create_task(self._take_over(self.assignment()))
        await asyncio.wait([taking_over], timeout=_TAKE_OVER_SECONDS)
        return {}  # what is returned Faust takes for committed already

    async def _take_over(self, assigned: set[TP]) -> None:
        try:
            positions = await self.engine.assign((tp.topic, tp.partition) for tp in assigned)
            await self._seek_to(positions)
        except Exception as error:
            if self.assignment() != assigned:
                self.log.warning("partitions are given away that were to be taken over: %s", error)
                return
            self.log.exception("partitions can't be taken over")
            if self.engine.on_fatal is not None:
                self.engine.on_fatal(error)
            raise

    async def _stop_taking_over(self) -> None:
        taking_over, self._taking_over = self._taking_over, None
        if taking_over is not None:
            taking_over.cancel()
            await asyncio.wait([taking_over])

    async def go_back(self, positions: Mapping[Place, int | None]) -> None:
        """Reads on from earlier positions after Redis went back in time; what was fetched before is dropped."""
        owned = {(tp.topic, tp.partition) for tp in self.assignment()}
        await self._seek_to({place: position for place, position in positions.items() if place in owned})

    async def _seek_to(self, positions: Mapping[Place, int | None]) -> None:
        by_tp = {self._new_topicpartition(*place): position for place, position in positions.items()}
        if not by_tp:
            self.engine.begin({}, {})
            return
        earliest, ends = await self.earliest_offsets(*by_tp), await self._ends(by_tp)
        told = await self._told(ends)
        self._thread.told.update(told)
        offsets = {tp: max(position or 0, earliest[tp]) for tp, position in by_tp.items()}
        for tp, position in by_tp.items():
            for index in (self._acked, self._acked_index, self._delivered):
                index.pop(tp, None)
            # what another process applied it may not have committed, and no further batch may come to do it
            self._delivered[tp].append((_BEFORE, offsets[tp]))
            self._acked[tp].append(_BEFORE)
            self._acked_index[tp].add(_BEFORE)
            if position is not None and position < earliest[tp]:
                self.log.error("%s: records %d to %d are no longer in Kafka", tp, position, earliest[tp] - 1)
        # at once, and before the seek: what is fetched from now on is taken only if it goes on from there
        self._read_to.update(offsets)
        places = {tp: (tp.topic, tp.partition) for tp in by_tp}
        self.engine.begin(
            {places[tp]: offsets[tp] for tp in by_tp},
            {places[tp]: ends[tp] or 0 for tp in by_tp},
            {places[tp]: told[tp] for tp in by_tp},
        )
        await self.seek_wait(offsets)

    async def _told(self, ends: Mapping[TP, int | None]) -> Mapping[TP, int]:
        """Up to where all that follows from the partitions' records has been published: a batch is committed only then.
        Beyond the end of a partition that says nothing: Kafka lost records. What is told anew is so by whoever goes on
        with it too, so commits do not speak of it any more."""
        told = await self._thread.read_told(ends)
        return {
            tp: offset if offset <= (ends[tp] or 0) and not self.engine.tells_anew((tp.topic, tp.partition)) else 0
            for tp, offset in told.items()
        }

    async def _ends(self, positions: Mapping[TP, int | None]) -> Mapping[TP, int | None]:
        """Where the partitions end. Ends the process if that stays before what was applied: then Kafka lost records,
        or is an older copy, and Redis is of no use with it."""
        for _ in range(_ENDS_ASKED):
            ends = await self.highwaters(*positions)
            ahead = {tp: at for tp, at in positions.items() if at is not None and at > (ends[tp] or 0)}
            if not ahead:
                return ends
            await asyncio.sleep(_ENDS_SECONDS)  # a leader that is new may not know its end yet
        said = [f"{tp.topic} partition {tp.partition} ends at {ends[tp]}, {at} applied" for tp, at in ahead.items()]
        error = AheadOfKafka(f"Redis is ahead of Kafka: {'; '.join(sorted(said)[:_PLACES_SAID])} ({len(said)} in all)")
        if self.engine.on_fatal is not None:
            self.engine.on_fatal(error)
        raise error

    async def on_stop(self) -> None:
        """Overridden because taking over may still be waiting for Redis."""
        await self._stop_taking_over()
        await super().on_stop()

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Overridden to finish what is being applied before another worker takes over."""
        await self._stop_taking_over()
        await super().on_partitions_revoked(set(revoked))
        await self.engine.release()

    async def on_partitions_assigned(self, assigned: Iterable[TP], generation_id: int = 0) -> None:
        """Overridden because Faust may have begun to seek what was revoked just before; and where there is nothing to
        own it seeks nothing, though the engine has to be told that too."""
        await self._stop_taking_over()
        await super().on_partitions_assigned(set(assigned), generation_id)
        if not assigned:
            await self.seek_to_committed()


class BatchTransport(driver.Transport):
    """The transport of an app whose agents take batches; `engine` says where partitions begin."""

    Consumer = BatchConsumer

    def __init__(self, url: Any, app: Any, engine: Engine) -> None:
        super().__init__(url, app)
        self.engine = engine
