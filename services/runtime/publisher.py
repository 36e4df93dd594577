"""Publishes the outbox: whole batches per partition, idempotent, acknowledged by every replica in sync."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from schemas.topics import COMPRESSION, MAX_MESSAGE_BYTES
from services.runtime.kafka_security import client_options
from services.runtime.messages import Message

#: A batch of this size costs one request; larger ones gain nothing and delay the next.
_BATCH_BYTES = 1024 * 1024


#: A topic and a partition.
Place = tuple[str, int]


class Unwritable(Exception):
    """Messages that a topic does not take, however often they are sent: the service can't go on behind them."""


class _Call(NamedTuple):
    """The messages of one caller, and what tells it that they are written."""

    messages: Sequence[Message]
    written: asyncio.Future[None]


def _as_error(place: Place, result: BaseException) -> Exception:
    """A producer that is stopped cancels what it has not sent: that is not written, and nobody else's cancellation."""
    if isinstance(result, (MessageSizeTooLargeError, RecordListTooLargeError)):
        topic, partition = place
        return Unwritable(f"{topic} partition {partition} takes nothing as large (see max.message.bytes): {result}")
    return result if isinstance(result, Exception) else KafkaError(f"not written: {result!r}")


def _answer(call: _Call, failed: Mapping[Place, Exception]) -> None:
    errors = (failed.get((message.topic, message.partition)) for message in call.messages) if failed else ()
    error = next((error for error in errors if error is not None), None)
    if error is None:
        call.written.set_result(None)
    else:
        call.written.set_exception(error)


class Publisher:
    """An idempotent producer that takes ready-made batches, one future each instead of one per message."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._calls: list[_Call] = []
        self._writing: asyncio.Task[None] | None = None

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
            compression_type=COMPRESSION,
            max_batch_size=_BATCH_BYTES,
            # a dead letter carries a message of the largest size and the headers that explain it
            max_request_size=MAX_MESSAGE_BYTES + _BATCH_BYTES,
            **client_options(),
        )
        await producer.start()
        return producer

    async def stop(self) -> None:
        """Sends what is buffered and closes."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Writes the messages, in order per partition, and returns when all are acknowledged; raises KafkaError, or
        Unwritable.

        While one request is on its way, the messages of all callers gather for the next: many partitions with little
        to say then cost one batch a topic partition together, not one each.
        """
        call = _Call(messages, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_calls())
        await call.written

    async def _write_calls(self) -> None:
        while self._calls:
            calls, self._calls = self._calls, []
            by_place: dict[Place, list[Message]] = defaultdict(list)
            for call in calls:
                for message in call.messages:
                    by_place[message.topic, message.partition].append(message)
            failed = await self._write(by_place)
            for call in calls:
                if not call.written.done():  # else the caller has gone
                    _answer(call, failed)

    async def _write(self, by_place: Mapping[Place, Sequence[Message]]) -> dict[Place, Exception]:
        """Writes to every partition; returns what went wrong, by partition."""
        try:
            producer = await self.start()
        except Exception as error:
            return dict.fromkeys(by_place, error)
        sent = (self._send(producer, *place, messages) for place, messages in by_place.items())
        results = await asyncio.gather(*sent, return_exceptions=True)
        answers = zip(by_place, results, strict=True)
        failed = {place: _as_error(place, result) for place, result in answers if isinstance(result, BaseException)}
        if failed and self._producer is producer:
            # a gap in an idempotent producer's sequence can't be mended: the next call begins with a new producer
            with contextlib.suppress(Exception):  # whatever it is, the callers wait for their answers
                await self.stop()
        return failed

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
