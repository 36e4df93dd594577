"""Writes records as plain clients do, outside the services: each as it is, and not waiting for a broker for ever."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from schemas.topics import COMPRESSION, MAX_MESSAGE_BYTES
from services.runtime import plain_records
from services.runtime.kafka_security import client_options

plain_records.install()

#: kafka-python gives a record up after the time for its delivery, but not always: where a broker had stopped and come
#: back, it was seen to wait for ever. A record that it does not answer for so much longer is lost.
LOST_S = 10.0
_DELIVERY_S = 60.0
_CLOSING_S = 5.0
_ANY_SIZE = 2**31 - 1


class NotWritten(OSError):
    """The broker has not taken everything, or does not answer."""


class Writer:
    """Sends records and learns what the broker made of them; a context manager."""

    def __init__(self, bootstrap: str, client_id: str, delivery_s: float = _DELIVERY_S) -> None:
        self._bootstrap = bootstrap
        self._patience_s = delivery_s + LOST_S
        self._sent: list[Any] = []
        delivery_ms = int(delivery_s * 1000)
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            client_id=client_id,
            acks="all",
            linger_ms=20,
            batch_size=512 * 1024,
            compression_type=COMPRESSION,
            max_request_size=MAX_MESSAGE_BYTES + 1024 * 1024,
            allow_auto_create_topics=False,
            max_block_ms=min(10_000, delivery_ms),
            delivery_timeout_ms=delivery_ms,
            request_timeout_ms=min(30_000, delivery_ms // 2),
            **client_options(),
        )
        # that bounds requests; a record of any size may have come in, compressed
        self._producer.config["max_request_size"] = _ANY_SIZE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with contextlib.suppress(KafkaTimeoutError):
            self._producer.close(timeout=_CLOSING_S)

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[bytes | str, bytes | None]] = (),
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Sends a record, without a partition to the one of its key. Raises NotWritten."""
        value = plain_records.NULL if value is None else value
        named = plain_records.sendable_headers(headers)
        try:
            future = self._producer.send(topic, value, key, named, partition=partition, timestamp_ms=timestamp_ms)
        except KafkaError as error:
            raise self._not_written(error) from error
        self._sent.append(future)

    def settle(self) -> list[Any]:
        """What the broker says of each record sent since it was last asked, in their order. Raises NotWritten."""
        sent, self._sent = self._sent, []
        try:
            self._producer.flush(timeout=self._patience_s)
            return [future.get(timeout=self._patience_s) for future in sent]
        except KafkaError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: KafkaError) -> NotWritten:
        return NotWritten(f"Kafka at {self._bootstrap} has not taken all that was sent: {error}")
