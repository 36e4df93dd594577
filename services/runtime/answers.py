"""What became of an event that was taken in. Pure: domain code answers with these."""

from __future__ import annotations

from typing import NamedTuple

from schemas.receipts import ReceiptOutcome


class Answer(NamedTuple):
    """The outcome, and for all but acceptance the field it hangs on and the reason."""

    outcome: ReceiptOutcome
    field: str | None = None
    reason: str | None = None


ACCEPTED = Answer("accepted")


def duplicate(field: str | None, reason: str) -> Answer:
    """The event was taken before and changes nothing."""
    return Answer("duplicate", field, reason)


def parked(field: str, reason: str) -> Answer:
    """The event is kept, and counts when what it waits for has come."""
    return Answer("parked", field, reason)


def rejected(field: str, reason: str) -> Answer:
    """The event is not taken."""
    return Answer("rejected", field, reason)
