"""The record as it stands on a topic: the last revision of every sample, one partition after the other."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

import msgspec
from kafka import TopicPartition

from schemas.topics import Topic
from services.runtime.topic_reading import offsets_since, partitions_of, reading_consumer, records_to_end


class Record:
    """Reads topics that samplewatch itself writes, each partition to the end that is there when it is begun.

    Partition by partition, so that no more than one partition's samples are in memory. Topics with the same key have
    the same partitions, hence a sample and its verdict lie under one number. A context manager.
    """

    def __init__(self, bootstrap: str) -> None:
        self._consumer = reading_consumer(bootstrap, "samplewatch-record")

    def __enter__(self) -> Record:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._consumer.close()

    def partitions(self, topic: Topic) -> list[int]:
        """The numbers of the topic's partitions. Raises NoSuchTopic."""
        return [place.partition for place in partitions_of(self._consumer, topic.name)]

    def latest(
        self, topic: Topic, partition: int, struct: type[Any], keep: Callable[[Any], Any] = lambda one: one
    ) -> dict[str, Any]:
        """By sample_id, what `keep` makes of the message with the highest revision; where that is None, nothing.

        struct: a mirror of the topic's contract (`schemas.structs`) that has sample_id and revision.
        """
        decode = msgspec.json.Decoder(struct).decode
        held: dict[str, tuple[int, Any]] = {}
        starts = offsets_since(self._consumer, [TopicPartition(topic.name, partition)])
        for record in records_to_end(self._consumer, starts):
            if record.value is None:
                continue
            one = decode(record.value)
            before = held.get(one.sample_id)
            if before is None or before[0] < one.revision:
                held[one.sample_id] = (one.revision, keep(one))
        return {sample_id: kept for sample_id, (_, kept) in held.items() if kept is not None}
