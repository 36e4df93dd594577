"""alerts.events.v1 and alerts.commands.v1: an alert's life, and what inspectors may ask of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from schemas.events import Event
from schemas.regions import Region
from schemas.values import Contract, Domain, Identifier, LongText, Measure, Plan, Text, Timestamp
from schemas.verdicts import FailedItem

AlertKind = Literal["failed_sample", "hotspot", "overdue", "rate_drop", "lab_integrity"]
AlertState = Literal["raised", "acknowledged", "acted", "closed", "cancelled"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor"]
Urgency = Literal["Immediate", "Expected", "Future"]
Certainty = Literal["Observed", "Likely", "Possible"]
Message = Literal["Alert", "Update", "Cancel"]


class Wording(Contract):
    """One sentence for people, in both languages."""

    zh: LongText
    en: LongText


class AlertEvent(Contract):
    """An alert as it stands after one transition; a later message has a higher sequence and replaces it.

    Field names follow CAP 1.2 where it has them: msg_type, urgency, severity, certainty, area.
    """

    event_id: Identifier = Field(description="the alert and its sequence: de-duplicate by it")
    alert_id: Identifier
    sequence: int = Field(ge=1)
    kind: AlertKind
    state: AlertState
    transition: Literal["raised", "updated", "acknowledged", "assigned", "acted", "silenced", "closed", "cancelled"]
    msg_type: Message
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    headline: Wording
    area: Region
    domain: Domain
    plan: Plan
    measure: Measure
    sample_id: Identifier
    product_name: Text
    producer: Text | None = None
    sampled_party: Text | None = None
    lab_id: Identifier | None = None
    report_no: Identifier | None = None
    item_class: Identifier
    items: tuple[FailedItem, ...]
    verdict_revision: int
    raised_at: Timestamp
    changed_at: Timestamp
    changed_by: Identifier
    reason: LongText | None = None
    assignee: Identifier | None = None
    silenced_until: Timestamp | None = None
    source: Identifier


class AlertCommand(Event):
    """What every command has: who asks, when, of which alert."""

    alert_id: Identifier
    by: Identifier = Field(description="the person who asks")
    at: Timestamp
    TIMES: ClassVar = ("at",)


class Acknowledge(AlertCommand):
    """The inspector has seen the alert and takes it on."""

    type: Literal["Acknowledge"] = "Acknowledge"
    note: LongText | None = None


class Assign(AlertCommand):
    """The alert is handed to somebody."""

    type: Literal["Assign"] = "Assign"
    assignee: Identifier
    note: LongText | None = None


class Act(AlertCommand):
    """What was done on the spot."""

    type: Literal["Act"] = "Act"
    action: LongText


class Close(AlertCommand):
    """The matter is settled."""

    type: Literal["Close"] = "Close"
    reason: LongText


class Silence(AlertCommand):
    """No more messages about this alert until a time; the alert itself goes on."""

    type: Literal["Silence"] = "Silence"
    until: Timestamp
    reason: LongText


AnyCommand = Acknowledge | Assign | Act | Close | Silence
ALERT_COMMAND: TypeAdapter[AnyCommand] = TypeAdapter(Annotated[AnyCommand, Field(discriminator="type")])
