"""Publishes events to Kafka and collects the answer to each one from the receipts topic."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import click
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from pydantic import ValidationError

from schemas.receipts import Receipt
from schemas.topics import COMPRESSION, MAX_MESSAGE_BYTES, RECEIPTS
from services.cli.outgoing import Answer, Answers, Outgoing
from services.runtime.kafka_security import client_options
from services.runtime.topic_writing import LOST_S

#: Events on their way to the broker at one time; the producer itself knows no bound.
_IN_FLIGHT = 20_000
#: How many events go out between two looks at the receipts.
_STRIDE = 2_000
#: A broker that restarts is away for some seconds, whatever the user's patience.
_SHORTEST_DELIVERY = 5.0

Progress = Callable[[int, int], None]
#: Topic, partition and offset.
Place = tuple[str, int, int]


class BrokerNotReady(click.ClickException):
    """The broker cannot take part: it is not reached, or lacks the topics."""


class Publisher:
    """Sends events and waits for their receipts; a context manager.

    An answer is matched by the place of its event (topic, partition and offset), which the broker gives to each event
    sent: an earlier answer to the same source and event_id is then never taken for the new one.

    timeout: this many seconds without any new answer, or without the broker, end the waiting.
    progress: called with how many are published and how many answered.
    keep: False keeps only the answers that are not `accepted`, for very many events.
    """

    def __init__(
        self, bootstrap: str, timeout: float = 60.0, progress: Progress | None = None, keep: bool = True
    ) -> None:
        self.timeout = timeout
        self._progress = progress or (lambda published, answered: None)
        self._keep = keep
        self._answers = Answers()
        self._published = 0
        self._sources: set[bytes] = set()
        self._in_flight: deque[tuple[Outgoing, Any]] = deque()
        self._waiting: dict[Place, Outgoing] = {}
        self._early: dict[Place, Receipt] = {}
        delivery_s = max(timeout, _SHORTEST_DELIVERY)
        #: For how long the producer is waited for; not at all once it has lost an event.
        self._patience_s = delivery_s + LOST_S
        try:
            self._consumer = _receipts_from_now(bootstrap)
            self._producer = _producer(bootstrap, delivery_s)
        except KafkaError as error:
            raise BrokerNotReady(f"cannot reach Kafka at {bootstrap}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes both connections; what has not been sent yet gets a few seconds."""
        with contextlib.suppress(KafkaTimeoutError):
            self._producer.close(timeout=5)
        self._consumer.close(autocommit=False)

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Sends the events, taking in receipts as they come; returns when the broker has every one of them."""
        for count, event in enumerate(events, 1):
            self._send(event)
            if count % _STRIDE == 0:
                self._settle(_IN_FLIGHT)
                self._read_receipts(0)
        try:
            self._producer.flush(timeout=self._patience_s)
        except KafkaTimeoutError:
            self._patience_s = 0.0
        self._settle(0)
        self._read_receipts(0)

    def answers(self) -> Answers:
        """Waits until everything published is answered, or nothing more comes; returns all answers so far."""
        quiet_since = time.monotonic()
        while self._waiting:
            if self._read_receipts(200):
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > self.timeout:
                reason = f"no answer within {self.timeout:g} s"
                for event in self._waiting.values():
                    self._note(Answer(event, "unanswered", reason=reason))
                self._waiting.clear()
        return self._answers

    def _send(self, event: Outgoing) -> None:
        self._sources.add(event.source.encode())
        self._published += 1
        try:
            future = self._producer.send(event.topic, event.value, event.key, headers=event.headers)
        except KafkaError as error:
            self._note(Answer(event, "unsent", reason=str(error)))
        else:
            self._in_flight.append((event, future))

    def _settle(self, most: int) -> None:
        """Learns where the broker put the events, waiting until at most `most` are on their way."""
        while self._in_flight and (len(self._in_flight) > most or self._in_flight[0][1].is_done):
            event, future = self._in_flight.popleft()
            try:
                sent = future.get(timeout=self._patience_s)
            except KafkaError as error:
                if not future.is_done:
                    self._patience_s = 0.0
                self._note(Answer(event, "unsent", reason=str(error)))
                continue
            place = (sent.topic, sent.partition, sent.offset)
            receipt = self._early.pop(place, None)
            if receipt is None:
                self._waiting[place] = event
            else:
                self._note(Answer(event, receipt.outcome, receipt))
        if not self._in_flight:
            self._early.clear()

    def _read_receipts(self, wait_ms: int) -> int:
        """Takes in the receipts that have come; returns how many answer an event of ours."""
        matched = 0
        for records in self._consumer.poll(timeout_ms=wait_ms).values():
            for record in records:
                if record.key in self._sources:
                    matched += self._take(record.value)
        self._progress(self._published, self._answers.counts.total())
        return matched

    def _take(self, value: bytes) -> int:
        try:
            receipt = Receipt.model_validate_json(value)
        except ValidationError:
            return 0  # not one of ours to judge
        place = (receipt.topic, receipt.partition, receipt.offset)
        event = self._waiting.pop(place, None)
        if event is None:
            # another's, a repeat, or one for an event whose place is not known yet
            if self._in_flight:
                self._early[place] = receipt
            return 0
        self._note(Answer(event, receipt.outcome, receipt))
        return 1

    def _note(self, answer: Answer) -> None:
        self._answers.counts[answer.outcome] += 1
        if self._keep or answer.outcome != "accepted":
            self._answers.answers.append(answer)


def _producer(bootstrap: str, delivery_s: float) -> KafkaProducer:
    delivery_ms = int(delivery_s * 1000)
    return KafkaProducer(
        bootstrap_servers=bootstrap,
        client_id="samplewatch-cli",
        acks="all",
        compression_type=COMPRESSION,
        linger_ms=20,
        batch_size=512 * 1024,
        max_request_size=MAX_MESSAGE_BYTES,
        allow_auto_create_topics=False,
        max_block_ms=10_000,
        delivery_timeout_ms=delivery_ms,
        request_timeout_ms=min(30_000, delivery_ms // 2),
        **client_options(),
    )


def _receipts_from_now(bootstrap: str) -> KafkaConsumer:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="samplewatch-cli",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        fetch_max_wait_ms=100,
        max_poll_records=5_000,
        **client_options(),
    )
    partitions = consumer.partitions_for_topic(RECEIPTS.name)
    if not partitions:
        consumer.close(autocommit=False)
        raise BrokerNotReady(f"there is no topic {RECEIPTS.name}; `samplewatch topics create` makes the topics")
    assigned = [TopicPartition(RECEIPTS.name, number) for number in partitions]
    consumer.assign(assigned)
    # settled now: a position that were still to be looked up could lie behind the first receipts
    for partition, offset in consumer.end_offsets(assigned).items():
        consumer.seek(partition, offset)
    return consumer
