"""intake.receipts.v1 and the dead letters: the answer to every event taken in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.values import Contract, Identifier, Timestamp

ReceiptOutcome = Literal["accepted", "duplicate", "parked", "rejected"]


class Receipt(Contract):
    """One answer to one event. `receipt_id` is the same when the answer is given again: de-duplicate by it."""

    receipt_id: Identifier = Field(description="topic, partition and offset of the event")
    outcome: ReceiptOutcome = Field(
        description="accepted; duplicate: changes nothing; parked: waits for its sample; rejected: not taken"
    )
    source: Identifier
    event_id: Identifier | None = None
    type: str | None = None
    sample_id: Identifier | None = None
    field: str | None = Field(None, description="the field that was refused, such as items.0.value")
    reason: str | None = None
    topic: str
    partition: int
    offset: int
    arrived_at: Timestamp
    service: str


class DeadLetter(Contract):
    """Why a message lies in a dead-letter topic; travels as ``dlq_*`` headers beside the untouched key and value."""

    topic: str
    partition: int
    offset: int
    field: str
    reason: str
    service: str
    arrived_at: Timestamp
