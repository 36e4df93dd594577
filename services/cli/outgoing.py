"""Events on their way out, and what became of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from schemas.alerts import AlertCommand
from schemas.cloudevents import binary_headers
from schemas.events import Event
from schemas.receipts import Receipt
from schemas.results import Report, ResultWithdrawn
from schemas.topics import ALERT_COMMANDS, LAB_RESULTS, SAMPLING_EVENTS, Topic

if TYPE_CHECKING:
    from services.runtime.signatures import Signer

#: What can become of an event: the outcomes of receipts, no receipt in time, not taken by the broker.
OUTCOMES = ("accepted", "duplicate", "parked", "rejected", "unanswered", "unsent")
_BAD = ("rejected", "unanswered", "unsent")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event ready to be sent. `line` is where it stood in its file, for the report; `signer` signs it."""

    topic: str
    key: bytes | None
    value: bytes
    type: str
    source: str
    event_id: str
    line: int | None = None
    signer: Signer | None = None

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The CloudEvents headers of binary mode, with the signature where there is a signer."""
        headers = binary_headers(type=self.type, source=self.source, event_id=self.event_id)
        if self.signer is None:
            return list(headers)
        return [*headers, self.signer.header(self.topic, self.key or b"", headers, self.value)]


def topic_of(event: Event) -> Topic:
    """The topic that an event from outside goes to."""
    if isinstance(event, AlertCommand):
        return ALERT_COMMANDS
    return LAB_RESULTS if isinstance(event, Report | ResultWithdrawn) else SAMPLING_EVENTS


def outgoing(event: Event, line: int | None = None) -> Outgoing:
    """An event as it is sent, keyed as its topic wants; it must carry its source and event_id."""
    if event.source is None or event.event_id is None:
        raise ValueError("an event is published under a source and an event_id")
    topic = topic_of(event)
    return Outgoing(
        topic=topic.name,
        key=str(getattr(event, topic.key)).encode(),
        value=event.__pydantic_serializer__.to_json(event, exclude_none=True),
        type=type(event).__name__,
        source=event.source,
        event_id=event.event_id,
        line=line,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one event: its receipt, or why there is none."""

    event: Outgoing
    outcome: str
    receipt: Receipt | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The answer as a JSON object, without what is not known."""
        receipt = self.receipt
        found = {
            "line": self.event.line,
            "outcome": self.outcome,
            "source": self.event.source,
            "event_id": self.event.event_id,
            "type": self.event.type,
            "sample_id": receipt.sample_id if receipt else None,
            "field": receipt.field if receipt else None,
            "reason": self.reason or (receipt.reason if receipt else None),
            "receipt_id": receipt.receipt_id if receipt else None,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(slots=True)
class Answers:
    """The answers to everything published: how many by outcome, and each of them in order of arrival."""

    counts: Counter[str] = field(default_factory=Counter)
    answers: list[Answer] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every event was sent and answered, and none rejected."""
        return not any(self.counts[outcome] for outcome in _BAD)

    @property
    def receipts(self) -> list[Receipt]:
        """Every receipt, once."""
        return [answer.receipt for answer in self.answers if answer.receipt]
