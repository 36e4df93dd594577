"""Faust's consumer thread, which says of each fetch exactly which offsets it stands for.

The thread runs fetches and seeks interleaved, and a rebalance gives partitions positions of its own. So what a fetch
stands for is noted here, in one step with taking its records; asked for later, an offset may belong to another seek.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import aiokafka
from aiokafka import OffsetAndMetadata
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.runtime.records import install as read_any_header_name

read_any_header_name()

_FETCH_WAIT_MS = 200


class Span(NamedTuple):
    """The records that one fetch took from a partition, and the offsets that they stand for: to before `end`."""

    start: int
    end: int
    records: Sequence[Any]


class SpanThread(driver.AIOKafkaConsumerThread):
    """Runs aiokafka's consumer. Fetches and seeks interleave here, so here it is known what a fetch stands for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_to: dict[TP, int] = {}
        self._assignment: Any = None
        #: Up to which offset all that follows from a partition's records had been published when reading began.
        self.told: dict[TP, int] = {}

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Overridden for the range assignor: one worker then owns the same partition of every topic of a stage. And a
        fetch that waits for records holds up the look-ups behind it, such as those of an assignment, so it waits less.

        A rebuild commits from the beginning again. So that it is known how far the group had come, each commit says in
        its metadata the highest offset that was ever committed.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._partition_assignment_strategy = [RangePartitionAssignor]
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS
        # what a laboratory's producer took back was never sent
        consumer._isolation_level = "read_committed"
        commit = consumer.commit

        async def commit_with_told(offsets: Mapping[TP, OffsetAndMetadata]) -> None:
            await commit(
                {
                    tp: OffsetAndMetadata(offset, str(max(self.told.get(tp, 0), offset)))
                    for tp, (offset, _) in offsets.items()
                }
            )

        consumer.commit = commit_with_told
        return consumer

    async def _seek_wait(self, consumer: aiokafka.AIOKafkaConsumer, partitions: Mapping[TP, int]) -> None:
        """Overridden to know where the next fetch begins. The seek itself comes before anything is waited for."""
        if self._assignment is not (assignment := _assignment(consumer)):
            self._assignment = assignment
            self._read_to.clear()
        self._read_to.update(partitions)
        await super()._seek_wait(consumer, partitions)

    async def _fetch_records(
        self, consumer: aiokafka.AIOKafkaConsumer, active_partitions: set[TP], *args: Any, **kwargs: Any
    ) -> Any:
        """Overridden to say which offsets were read, which may hold no record: a `Span` for each partition.

        Of a new assignment nothing is taken before its seek: aiokafka begins it at the committed offsets.
        """
        records = await super()._fetch_records(consumer, active_partitions, *args, **kwargs)
        spans: dict[TP, Span] = {}
        if (assignment := _assignment(consumer)) is None or assignment is not self._assignment:
            return spans
        for tp in {*records, *active_partitions} & self._read_to.keys():
            state = assignment.state_value(tp)
            if state and state.has_valid_position and state.position > (start := self._read_to[tp]):
                self._read_to[tp] = state.position
                spans[tp] = Span(start, state.position, records.get(tp, ()))
        return spans

    async def read_told(self, partitions: Collection[TP]) -> dict[TP, int]:
        """Up to which offset the group has ever committed each partition; 0 where it has nothing."""
        found = await self.call_thread(self._ensure_consumer()._coordinator.fetch_committed_offsets, list(partitions))
        return {tp: max(0, found[tp].offset, _told_in(found[tp])) if tp in found else 0 for tp in partitions}

    def highwater(self, tp: TP) -> Any:
        """Overridden because aiokafka's raises where the partition is not assigned, and gauges ask at any moment. Where
        a transaction is open the partition ends before it: nothing behind can be read."""
        assignment = _assignment(self._ensure_consumer())
        state = assignment and assignment.state_value(tp)
        return state and (state.highwater if state.lso is None else state.lso)


def _told_in(committed: OffsetAndMetadata) -> int:
    """0 in a commit of an older release, or somebody else's."""
    said = committed.metadata or ""
    return int(said) if said.isascii() and said.isdigit() else 0


def _assignment(consumer: aiokafka.AIOKafkaConsumer) -> Any:
    subscription = consumer._subscription.subscription
    return subscription and subscription.assignment
