"""Reads single records back from Kafka by topic, partition and offset, so that nothing need be kept twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.kafka_security import client_options

Place = tuple[str, int, int]  # topic, partition, offset

_WAIT_SECONDS = 5.0


class RecordReader:
    """A consumer without a group, for look-ups. Connects when first used."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def read(self, places: Iterable[Place]) -> dict[Place, Any]:
        """The records at those places; one that Kafka no longer has is left out."""
        found: dict[Place, Any] = {}
        async with self._lock:
            consumer = await self._connected()
            for topic, partition, offset in sorted(set(places)):
                record = await self._one(consumer, TopicPartition(topic, partition), offset)
                if record is not None:
                    found[topic, partition, offset] = record
        return found

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False, **client_options())
            await consumer.start()
            self._consumer = consumer
        return self._consumer

    @staticmethod
    async def _one(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> Any:
        consumer.assign([tp])
        if offset < (await consumer.beginning_offsets([tp]))[tp]:
            return None
        consumer.seek(tp, offset)
        batches = await consumer.getmany(tp, timeout_ms=int(_WAIT_SECONDS * 1000), max_records=1)
        records = batches.get(tp, [])
        return records[0] if records and records[0].offset == offset else None
