"""Publishes the outbox: whole batches per partition, idempotent, acknowledged by every replica in sync."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import MAX_MESSAGE_BYTES
from services.runtime.messages import Message

#: A batch of this size costs one request; larger ones gain nothing and delay the next.
_BATCH_BYTES = 1024 * 1024


class Publisher:
    """An idempotent producer that takes ready-made batches, one future each instead of one per message."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> AIOKafkaProducer:
        """Connects unless that is done; raises KafkaConnectionError when no broker answers."""
        async with self._starting:
            if self._producer is None:
                self._producer = await self._connected()
            return self._producer

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            max_batch_size=_BATCH_BYTES,
            # a dead letter carries a message of the largest size and the headers that explain it
            max_request_size=MAX_MESSAGE_BYTES + _BATCH_BYTES,
        )
        await producer.start()
        return producer

    async def stop(self) -> None:
        """Sends what is buffered and closes."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Writes the messages, in order per partition, and returns when all are acknowledged; raises KafkaError."""
        producer = await self.start()
        by_partition: dict[tuple[str, int], list[Message]] = defaultdict(list)
        for message in messages:
            by_partition[message.topic, message.partition].append(message)
        try:
            await asyncio.gather(*(self._send(producer, *tp, batch) for tp, batch in by_partition.items()))
        except KafkaError:
            # a gap in an idempotent producer's sequence can't be mended: the next call begins with a new producer
            if self._producer is producer:
                await self.stop()
            raise

    @staticmethod
    async def _send(producer: AIOKafkaProducer, topic: str, partition: int, messages: Sequence[Message]) -> None:
        pending = []
        batch = producer.create_batch()
        for message in messages:
            content = {"key": message.key, "value": message.value, "headers": list(message.headers), "timestamp": None}
            if batch.append(**content) is None:
                batch.close()
                pending.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(**content)
        batch.close()
        pending.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*pending)
