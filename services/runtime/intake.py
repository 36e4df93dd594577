"""How a record from outside becomes an event or a refusal, and how each is answered.

Nothing that a producer sends may end a consumer: whatever cannot be taken is answered with a receipt that names the
field and the reason, and lies unchanged in the topic's dead letters.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.cloudevents import Envelope, NotAnEvent, claimed_identity, open_envelope
from schemas.events import Event
from schemas.receipts import Receipt, ReceiptOutcome
from schemas.structs import struct_of
from schemas.timing import implausible_time
from schemas.topics import MAX_EVENT_BYTES, RECEIPTS, Topic
from schemas.writing import first_error
from services.runtime import metrics
from services.runtime.answers import Answer, rejected
from services.runtime.calendar import moment_of, moment_text
from services.runtime.dead_letters import bury, shortened, size_of
from services.runtime.messages import Message, Writer
from services.runtime.partitioning import home_of, homes_of
from services.runtime.settings import PARTITIONS
from services.runtime.signatures import Registry
from services.runtime.stage import Changes, Record
from services.runtime.tracing import trace_of, traced

logger = logging.getLogger(__name__)

#: Header of a forwarded event: the partition and offset at which it first came in, joined by a hyphen.
ORIGIN = "sw_origin"
_ORIGIN_FORM = re.compile(rb"(\d{1,4})-(\d{1,18})")

ReceiptFacts = struct_of(Receipt, in_full=True)


class Taken(NamedTuple):
    """A valid event, as the domain takes it, with who sent it under which id."""

    record: Record
    event: Any
    source: str
    event_id: str


class Refused(NamedTuple):
    """A record that is no valid event."""

    record: Record
    field: str
    reason: str


class Misrouted(NamedTuple):
    """A record whose key belongs to another partition."""

    record: Record
    home: int


Input = Taken | Refused | Misrouted


class _Named(msgspec.Struct, gc=False):
    """What a body has that names it, as far as mirrors can't tell."""

    type: str | UnsetType = UNSET
    id: msgspec.Raw | UnsetType = UNSET


_named = msgspec.json.Decoder(_Named).decode


class Reading(NamedTuple):
    """How the events of a topic are read.

    contract: of all its events. homes: the partitions that own the keys, a negative number for a key that is answered
    where it lies. screen: a quick look at a body, which gives
    the event as the domain takes it, or None where only the contract can tell. facts: an event of the contract as the
    domain takes it. laboratories: who may send; None: anybody.
    """

    contract: TypeAdapter[Any]
    homes: Callable[[Sequence[bytes]], list[int]] = lambda keys: homes_of(keys, PARTITIONS)
    screen: Callable[[bytes], Any] = lambda body: None
    facts: Callable[[Any], Any] = lambda event: event
    laboratories: Registry | None = None


class Intake:
    """Reads and answers the events of one topic from outside."""

    def __init__(self, topic: Topic, service: str, reading: Reading) -> None:
        self.topic = topic
        self._contract = reading.contract
        self._contracts: dict[str, type[BaseModel]] = {model.__name__: model for model in topic.contracts}
        self._service = service
        self._homes, self._screen, self._facts = reading.homes, reading.screen, reading.facts
        self._laboratories = reading.laboratories
        self._key_of = attrgetter(topic.key)
        self._receipts = Writer(RECEIPTS, service)
        for outcome in get_args(ReceiptOutcome):  # from zero, so that the first one is an increase
            metrics.RECEIPTS.labels(topic.name, outcome)

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
            if record.key != self._key_of(taken.event).encode():
                raise NotAnEvent("key", f"is not the event's {self.topic.key}")
            if self._laboratories is not None and (forged := self._forged(taken, record.key, value)):
                return Refused(record, *forged)
            if home is not None and 0 <= home != record.partition:
                if size_of(record) > 2 * MAX_EVENT_BYTES:
                    raise NotAnEvent("headers", f"are more than {MAX_EVENT_BYTES:,} bytes")
                return Misrouted(record, home)
            wrong = implausible_time(taken.event, taken.source, moment_of(record.timestamp))
            return taken if wrong is None else Refused(record, *wrong)
        except NotAnEvent as error:
            return Refused(record, error.field, error.reason)
        except ValidationError as error:
            return Refused(record, *first_error(error))

    def _forged(self, taken: Taken, key: bytes, value: bytes) -> tuple[str, str] | None:
        assert self._laboratories is not None
        record, lab_id = taken.record, taken.event.lab_id
        return self._laboratories.refusal(
            self.topic.name, key, record.headers, value, record.timestamp, lab_id, taken.source
        )

    def _event(self, record: Record, value: bytes) -> Taken:
        envelope = open_envelope(record.headers, value)
        event = self._screened(envelope) or self._facts(self._validated(envelope))
        source, event_id = envelope.source or event.source, envelope.event_id or event.event_id
        if not source:
            raise NotAnEvent("source", "is missing: give ce_source as a header, or source in the body")
        if not event_id:
            raise NotAnEvent("event_id", "is missing: give ce_id as a header, or event_id in the body")
        return Taken(record, event, source, event_id)

    def _screened(self, envelope: Envelope) -> Any:
        event = self._screen(envelope.data)
        if event is None:
            return None
        if envelope.type and envelope.event_id and b'"id"' not in envelope.data and b"\\" not in envelope.data:
            return event if envelope.type == event.type else None  # as nearly all
        named = _named(envelope.data)
        # a mirror has a type that the body did not say, and does not know an id by its other name
        type_told = named.type is not UNSET if envelope.type is None else envelope.type == event.type
        id_told = event.event_id is not None or (envelope.event_id is not None and named.id is UNSET)
        return event if type_told and id_told else None

    def _validated(self, envelope: Envelope) -> Event:
        if envelope.type is None:
            validator = self._contract.validator
        elif (contract := self._contracts.get(envelope.type)) is not None:
            validator = contract.__pydantic_validator__
        else:
            raise NotAnEvent("type", f"is {envelope.type!r}, not one of {', '.join(self._contracts)}")
        event: Event = validator.validate_json(envelope.data)
        return event

    def answer(self, changes: Changes, item: Input, answer: Answer) -> None:
        """Adds the receipt to the changes; for a refusal the dead letter too. What was answered before is not again."""
        if changes.quiet:
            return
        record = item.record
        if isinstance(item, Taken):
            source: str = item.source
            event_id: str | None = item.event_id
        else:
            claimed, event_id = claimed_identity(record.headers, _within_limit(record.value))
            source = claimed or ""
        if answer.outcome == "rejected":
            bury(changes, self.topic, record, self._service, answer.field or "value", answer.reason or "", source)
        changes.counted[metrics.RECEIPTS, (self.topic.name, answer.outcome)] += 1
        if source:
            receipt = self._receipt(item, source, event_id, answer)
            if answer.outcome == "rejected":  # the rare case alone pays for the look
                receipt = traced(receipt, trace_of(record))
            changes.messages.append(receipt)

    def _receipt(self, item: Input, source: str, event_id: str | None, answer: Answer) -> Message:
        record = item.record
        partition, offset = self._origin(record)
        event = item.event if isinstance(item, Taken) else None
        receipt = ReceiptFacts(
            receipt_id=f"{self.topic.name}-{partition}-{offset}",
            outcome=answer.outcome,
            source=source,
            event_id=event_id,
            type=event.type if event is not None else None,
            sample_id=getattr(event, "sample_id", None),
            field=answer.field,
            reason=answer.reason and shortened(answer.reason),
            topic=self.topic.name,
            partition=partition,
            offset=offset,
            arrived_at=moment_text(record.timestamp),
            service=self._service,
        )
        return self._receipts.message(
            home_of(source.encode(), PARTITIONS), source, receipt, event_id=receipt.receipt_id
        )

    def _origin(self, record: Record) -> tuple[int, int]:
        """Where the record first came in. A sender may write the header too; but nothing is forwarded except to the
        partition of its key, from another, and once."""
        # the last one is ours
        for name, content in reversed(record.headers):
            found = _ORIGIN_FORM.fullmatch(content or b"") if name == ORIGIN else None
            if found and record.partition != int(found[1]) < PARTITIONS and self._is_home(record):
                return int(found[1]), int(found[2])
        return record.partition, record.offset

    def _is_home(self, record: Record) -> bool:
        return bool(record.key) and self._homes([record.key or b""]) == [record.partition]

    def forward(self, changes: Changes, stray: Misrouted) -> None:
        """Sends a stray on to the partition that owns its key, where it is taken and answered."""
        record = stray.record
        origin = f"{record.partition}-{record.offset}".encode()
        if changes.quiet:
            return
        changes.counted[metrics.FORWARDED, (self.topic.name,)] += 1
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


def _within_limit(value: bytes | None) -> bytes | None:
    return value if value is not None and len(value) <= MAX_EVENT_BYTES else None
