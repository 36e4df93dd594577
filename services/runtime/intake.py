"""How a record from outside becomes an event or a refusal, and how each is answered.

Nothing that a producer sends may end a consumer: whatever cannot be taken is answered with a receipt that names the
field and the reason, and lies unchanged in the topic's dead letters.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.cloudevents import NotAnEvent, claimed_identity, open_envelope
from schemas.events import Event
from schemas.receipts import DeadLetter, Receipt
from schemas.timing import implausible_time
from schemas.topics import MAX_EVENT_BYTES, MAX_MESSAGE_BYTES, RECEIPTS, Topic
from schemas.writing import first_error
from services.runtime import metrics
from services.runtime.answers import Answer, rejected
from services.runtime.calendar import moment_of
from services.runtime.messages import Message, event_message
from services.runtime.partitioning import home_of, homes_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes, Record

logger = logging.getLogger(__name__)

#: Header of a forwarded event: the partition and offset at which it first came in, joined by a hyphen.
ORIGIN = "sw_origin"
_ORIGIN_FORM = re.compile(rb"(\d{1,4})-(\d{1,18})")
_REASON_LENGTH = 500
#: How much is kept of a value that is too large for any topic.
_CUT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """A valid event, with who sent it under which id."""

    record: Record
    event: Any
    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is no valid event."""

    record: Record
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Misrouted:
    """A record whose key belongs to another partition."""

    record: Record
    home: int


Input = Taken | Refused | Misrouted


class Intake:
    """Reads and answers the events of one topic from outside."""

    def __init__(
        self,
        topic: Topic,
        contract: TypeAdapter[Any],
        service: str,
        homes: Callable[[Sequence[bytes]], list[int]] = lambda keys: homes_of(keys, PARTITIONS),
    ) -> None:
        """`homes` says which partitions own the keys, a negative number for a key that is answered where it lies."""
        self.topic = topic
        self._contract = contract
        self._contracts: dict[str, type[BaseModel]] = {model.__name__: model for model in topic.contracts}
        self._service = service
        self._homes = homes

    def decode(self, records: Sequence[Record]) -> list[Input]:
        """Each record as an event, a refusal or a stray, in their order."""
        homes = iter(self._homes([record.key for record in records if record.key]))
        return [self._read(record, next(homes) if record.key else None) for record in records]

    def _read(self, record: Record, home: int | None) -> Input:
        try:
            if not record.key:
                raise NotAnEvent("key", f"is missing: the message key is the {self.topic.key}")
            value = record.value
            if not value:
                raise NotAnEvent("value", "is empty")
            if len(value) > MAX_EVENT_BYTES:
                raise NotAnEvent("value", f"has {len(value):,} bytes; an event has at most {MAX_EVENT_BYTES:,}")
            taken = self._event(record, value)
            if record.key != getattr(taken.event, self.topic.key).encode():
                raise NotAnEvent("key", f"is not the event's {self.topic.key}")
            if home is not None and 0 <= home != record.partition:
                if _size(record) > 2 * MAX_EVENT_BYTES:
                    raise NotAnEvent("headers", f"are more than {MAX_EVENT_BYTES:,} bytes")
                return Misrouted(record, home)
            wrong = implausible_time(taken.event, taken.source, moment_of(record.timestamp))
            return taken if wrong is None else Refused(record, *wrong)
        except NotAnEvent as error:
            return Refused(record, error.field, error.reason)
        except ValidationError as error:
            return Refused(record, *first_error(error))

    def _event(self, record: Record, value: bytes) -> Taken:
        envelope = open_envelope(record.headers, value)
        if envelope.type is None:
            event = self._validate(self._contract, envelope.data)
        else:
            contract = self._contracts.get(envelope.type)
            if contract is None:
                raise NotAnEvent("type", f"is {envelope.type!r}, not one of {', '.join(self._contracts)}")
            event = self._validate(contract, envelope.data)
        source, event_id = envelope.source or event.source, envelope.event_id or event.event_id
        if not source:
            raise NotAnEvent("source", "is missing: give ce_source as a header, or source in the body")
        if not event_id:
            raise NotAnEvent("event_id", "is missing: give ce_id as a header, or event_id in the body")
        return Taken(record, event, source, event_id)

    @staticmethod
    def _validate(contract: TypeAdapter[Any] | type[BaseModel], data: bytes | dict[str, Any]) -> Event:
        validator = contract.validator if isinstance(contract, TypeAdapter) else contract.__pydantic_validator__
        event: Event = validator.validate_json(data) if isinstance(data, bytes) else validator.validate_python(data)
        return event

    def answer(self, changes: Changes, item: Input, answer: Answer) -> None:
        """Adds the receipt to the changes; for a refusal the dead letter too."""
        record = item.record
        if isinstance(item, Taken):
            source: str = item.source
            event_id: str | None = item.event_id
        else:
            claimed, event_id = claimed_identity(record.headers, _within_limit(record.value))
            source = claimed or ""
        if answer.outcome == "rejected":
            changes.messages.append(
                dead_letter(self.topic, record, self._service, answer.field or "value", answer.reason or "")
            )
        metrics.RECEIPTS.labels(self.topic.name, answer.outcome).inc()
        if source:
            changes.messages.append(self._receipt(record, source, event_id, item, answer))

    def _receipt(self, record: Record, source: str, event_id: str | None, item: Input, answer: Answer) -> Message:
        partition, offset = _origin(record)
        event = item.event if isinstance(item, Taken) else None
        receipt = Receipt.model_construct(
            receipt_id=f"{self.topic.name}-{partition}-{offset}",
            outcome=answer.outcome,
            source=source,
            event_id=event_id,
            type=type(event).__name__ if event else None,
            sample_id=getattr(event, "sample_id", None),
            field=answer.field,
            reason=answer.reason and _short(answer.reason),
            topic=self.topic.name,
            partition=partition,
            offset=offset,
            arrived_at=moment_of(record.timestamp),
            service=self._service,
        )
        home = home_of(receipt.source.encode(), PARTITIONS)
        return event_message(
            RECEIPTS, home, receipt.source, receipt, event_id=receipt.receipt_id, service=self._service
        )

    def forward(self, changes: Changes, stray: Misrouted) -> None:
        """Sends a stray on to the partition that owns its key, where it is taken and answered."""
        record = stray.record
        origin = f"{record.partition}-{record.offset}".encode()
        metrics.FORWARDED.labels(self.topic.name).inc()
        changes.messages.append(
            Message(self.topic.name, stray.home, record.key, record.value, (*record.headers, (ORIGIN, origin)))
        )


def fold_intake(intake: Intake, changes: Changes, inputs: Iterable[Input], take: Callable[[Taken], Answer]) -> None:
    """Takes each event in turn and answers it. An event that breaks the rules' own code is refused, not retried."""
    for item in inputs:
        if isinstance(item, Misrouted):
            intake.forward(changes, item)
            continue
        if isinstance(item, Refused):
            answer = rejected(item.field, item.reason)
        else:
            try:
                answer = take(item)
            except Exception as error:
                logger.exception("%s: an event could not be taken", intake.topic.name)
                answer = rejected("value", f"could not be processed: {type(error).__name__}: {error}")
        intake.answer(changes, item, answer)


def dead_letter(topic: Topic, record: Record, service: str, field: str, reason: str) -> Message:
    """The record untouched, for the topic's dead letters, with headers that say where it lay and why.

    Only of a record that was larger than any topic takes, before it was compressed, no more than the beginning is kept.
    """
    letter = DeadLetter(
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        field=field,
        reason=_short(reason),
        service=service,
        arrived_at=moment_of(record.timestamp),
    )
    metrics.DEAD_LETTERS.labels(topic.name, field.partition(".")[0]).inc()
    why = tuple((f"dlq_{name}", str(value).encode()) for name, value in letter.model_dump(mode="json").items())
    if (size := _size(record)) > MAX_MESSAGE_BYTES:
        # only compressed could it come in, and compressed otherwise it might never go out
        key, value = (part and part[:_CUT_BYTES] for part in (record.key, record.value))
        return Message(topic.dead_letters, record.partition, key, value, (*why, ("dlq_cut_from", b"%d" % size)))
    return Message(topic.dead_letters, record.partition, record.key, record.value, (*record.headers, *why))


def _origin(record: Record) -> tuple[int, int]:
    # the last one is ours; an event is forwarded from another partition, and once
    for name, content in reversed(record.headers):
        found = _ORIGIN_FORM.fullmatch(content or b"") if name == ORIGIN else None
        if found and record.partition != int(found[1]) < PARTITIONS:
            return int(found[1]), int(found[2])
    return record.partition, record.offset


def _size(record: Record) -> int:
    headers = sum(len(name) + len(content or b"") for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _short(reason: str) -> str:
    """A reason may quote what was sent, which may be of any size."""
    return reason if len(reason) <= _REASON_LENGTH else f"{reason[:_REASON_LENGTH]}…"


def _within_limit(value: bytes | None) -> bytes | None:
    return value if value is not None and len(value) <= MAX_EVENT_BYTES else None
