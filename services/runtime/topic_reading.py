"""Reads topics as plain clients do, outside the services: from some offsets to the ends of the moment.

What is read is read_committed, as the services read: an event whose transaction was given up was never sent. So the end
of a partition lies before the first transaction that is still open, and reading does not wait for its outcome.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from services.runtime import plain_records
from services.runtime.kafka_security import client_options

plain_records.install()

_POLL_MS = 500


class NoSuchTopic(OSError):
    """The broker does not have the topic, or does not show it to this user."""


def reading_consumer(bootstrap: str, client_id: str, isolation: str = "read_committed") -> KafkaConsumer:
    """A consumer without a group, which commits nothing. The client id is what the broker's logs and quotas know."""
    return KafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        # where records are deleted ahead of the reader, it goes on with those that are left
        auto_offset_reset="earliest",
        isolation_level=isolation,
        # a fetch from a partition's end would hold up those from the next ones for so long
        fetch_max_wait_ms=50,
        **client_options(),
    )


def partitions_of(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    """The topic's partitions by their numbers. Raises NoSuchTopic."""
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise NoSuchTopic(f"there is no topic {topic}; `samplewatch topics create` makes the topics")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def offsets_since(
    consumer: KafkaConsumer, places: Collection[TopicPartition], since: datetime | None = None
) -> dict[TopicPartition, int]:
    """Of each partition the offset of the first record that arrived at `since` or later, else its end; None: of all."""
    if since is None:
        return dict(consumer.beginning_offsets(places))
    ends = consumer.end_offsets(places)
    found = consumer.offsets_for_times(dict.fromkeys(places, int(since.timestamp() * 1000)))
    return {place: at.offset if at else ends[place] for place, at in found.items()}


def held_back(
    consumer: KafkaConsumer, uncommitted: KafkaConsumer, places: Collection[TopicPartition], before: int
) -> list[TopicPartition]:
    """The partitions of which not all that arrived before a moment can be read: a transaction is open before it.

    uncommitted: a consumer that is read_uncommitted. before: milliseconds since the epoch.
    """
    ends = uncommitted.end_offsets(places)
    later = uncommitted.offsets_for_times(dict.fromkeys(places, before))
    # asked last: where no transaction is open, it is no less than the others were
    readable = consumer.end_offsets(places)
    return [place for place in places if readable[place] < (at.offset if (at := later[place]) else ends[place])]


def records_to_end(
    consumer: KafkaConsumer, starts: Mapping[TopicPartition, int], before: int | None = None
) -> Iterator[Any]:
    """Every record (kafka-python's) from these offsets to the ends of now, in order within each partition.

    before: milliseconds since the epoch; a partition is read up to its first record of then or later.
    """
    ends = consumer.end_offsets(list(starts))
    left = {place for place, start in starts.items() if start < ends[place]}
    consumer.assign(list(left))
    for place in left:
        consumer.seek(place, starts[place])
    while left:
        consumer.assign(list(left))  # what is read to its end is fetched no more
        for place, records in consumer.poll(timeout_ms=_POLL_MS).items():
            for record in records:
                if record.offset >= ends[place] or (before is not None and record.timestamp >= before):
                    left.discard(place)
                    break
                yield record
        # by position: the last offsets may hold no record
        left = {place for place in left if consumer.position(place) < ends[place]}
