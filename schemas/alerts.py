"""alerts.events.v1 and alerts.commands.v1: an alert's life, and what inspectors may ask of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from schemas.deadlines import DeadlinePhase, Liable
from schemas.events import Event
from schemas.qualification import CellKey
from schemas.regions import Region
from schemas.values import Contract, Domain, Identifier, LongText, Measure, Plan, Text, Timestamp
from schemas.verdicts import FailedItem

AlertKind = Literal["failed_sample", "hotspot", "overdue", "rate_drop", "lab_integrity"]
AlertState = Literal["raised", "notified", "acknowledged", "acted", "verified", "closed", "cancelled"]
Transition = Literal[
    "raised",
    "updated",
    "notified",
    "acknowledged",
    "ack_expired",
    "escalated",
    "assigned",
    "acted",
    "verified",
    "silenced",
    "closed",
    "cancelled",
]
#: Whose turn it is; an alert that nobody acknowledges moves to the right.
Level = Literal["township", "county", "city"]
Step = Literal["party_notified", "sealed", "recalled", "disposed", "penalised", "other"]
ClassedBy = Literal["report", "table", "rule"]

# the words of CAP 1.2
Status = Literal["Actual", "Exercise", "Test"]
Message = Literal["Alert", "Update", "Cancel"]
Category = Literal["Health", "Safety", "Other"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor"]
Urgency = Literal["Immediate", "Expected", "Future"]
Certainty = Literal["Observed", "Likely", "Possible"]

#: CAP's sender of every alert.
SENDER = "samplewatch/alerts"


class Wording(Contract):
    """A text for people, in both languages."""

    zh: LongText
    en: LongText


class Evidence(Contract):
    """One thing that the alert rests on: a count, an expectation, a sample, a report."""

    name: Identifier
    value: LongText


class DeadlineFacts(Contract):
    """The statutory deadline that an overdue alert is about, or that a failed sample's act_by has come near."""

    rule: Identifier = Field(description="the row of the statutory table")
    due_at: Timestamp
    phase: DeadlinePhase
    provisional: bool = Field(False, description="it reaches into a year whose holidays are not announced yet")
    unconfirmed: bool = Field(False, description="the row has not been checked against the text in force")
    liable: Liable
    met_at: Timestamp | None = None
    late: bool = Field(False, description="of met: it was done after due_at")


class AlertEvent(Contract):
    """An alert as it stands after one transition; a later message has a higher sequence and replaces it.

    There is one alert for each (rule, subject, epoch). The fields of CAP 1.2 have its names, but for the identifier
    (event_id), sent (changed_at), effective (raised_at), expires (act_by) and the geocode of the area (area); the
    parameters ackBy, actBy, legalBasis, sample, item, value, limit, laboratory and evidence are the fields of like
    names. `samplewatch alerts export --cap` writes it as CAP.
    """

    event_id: Identifier = Field(description="the alert and its sequence: de-duplicate by it")
    alert_id: Identifier
    sequence: int = Field(
        ge=1,
        description="rises from change to change: 1, then each time the moment of the change in milliseconds since the"
        " epoch, or one more than before if that is greater",
    )
    kind: AlertKind
    rule: Identifier = Field(description="what raised it: the kind, or the row of the table of deadlines or floors")
    subject: Annotated[str, Field(min_length=1, max_length=2600, description="what it is about, within the rule")]
    epoch: Identifier = Field(description="tells the occasions apart on which a rule finds the same subject")
    state: AlertState
    transition: Transition
    status: Status = Field(description="Exercise: of simulated events")
    msg_type: Message
    sender: Identifier = SENDER
    scope: Literal["Restricted"] = "Restricted"
    category: Category
    event: Wording = Field(description="the kind of event in a few words")
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    onset: Timestamp | None = Field(
        None, description="when what it is about began: the report was issued, the day came"
    )
    headline: Wording
    description: Wording
    instruction: Wording
    contact: Text | None = None
    area: Region
    level: Level = Field(description="who it is with now; unacknowledged it moves to the next")
    ack_by: Timestamp | None = Field(None, description="when it moves to the next level unless acknowledged")
    act_by: Timestamp | None = None
    act_rule: Identifier | None = Field(None, description="the row of the statutory table that act_by follows from")
    act_near_at: Timestamp | None = Field(None, description="when a reminder is due that act_by nears")
    act_by_provisional: bool = False
    act_by_unconfirmed: bool = False
    legal_basis: Wording | None = None
    ack_expires_at: Timestamp | None = Field(None, description="when the acknowledgement lapses unless acted upon")
    acknowledged_by: Identifier | None = None
    notified_at: Timestamp | None = Field(None, description="when the first message about it was delivered")
    assignee: Identifier | None = None
    steps: tuple[Step, ...] = Field((), description="what has been done, each step once, in order")
    silenced_until: Timestamp | None = None
    silence_reason: LongText | None = None
    domain: Domain | None = None
    plan: Plan | None = None
    measure: Measure | None = None
    sample_id: Identifier | None = None
    product_name: Text | None = None
    producer: Text | None = None
    sampled_party: Text | None = None
    lab_id: Identifier | None = None
    report_no: Identifier | None = None
    item_class: Identifier | None = None
    classed_by: ClassedBy | None = Field(
        None, description="report: the laboratory said so; table: the item is listed; rule: guessed from name or limit"
    )
    items: tuple[FailedItem, ...] = ()
    verdict_revision: int | None = None
    cell: CellKey | None = None
    deadline: DeadlineFacts | None = None
    evidence: tuple[Evidence, ...] = ()
    raised_at: Timestamp
    changed_at: Timestamp = Field(description="when the transition happened, by the broker's clock")
    changed_by: Identifier = Field(description="the person, or samplewatch/alerts")
    stated_at: Timestamp | None = Field(None, description="when the person did it, as the command says")
    reason: LongText | None = None
    source: Identifier = Field(description="who reported what it rests on; for the simulator it says synthetic")


class AlertCommand(Event):
    """What every command has: who asks, when, of which alert."""

    alert_id: Identifier
    by: Identifier = Field(description="the person who asks")
    at: Timestamp
    TIMES: ClassVar = ("at",)


class Acknowledge(AlertCommand):
    """The inspector has seen the alert and takes it on. Lapses at a time, by default after as long as configured."""

    type: Literal["Acknowledge"] = "Acknowledge"
    note: LongText | None = None
    expires_at: Timestamp | None = None


class Assign(AlertCommand):
    """The alert is handed to somebody."""

    type: Literal["Assign"] = "Assign"
    assignee: Identifier
    note: LongText | None = None


class Act(AlertCommand):
    """What was done on the spot; the step names what the law asks for."""

    type: Literal["Act"] = "Act"
    action: LongText
    step: Step | None = None


class Verify(AlertCommand):
    """Somebody has looked: what was done has worked."""

    type: Literal["Verify"] = "Verify"
    finding: LongText


class Close(AlertCommand):
    """The matter is settled."""

    type: Literal["Close"] = "Close"
    reason: LongText


class Silence(AlertCommand):
    """No more messages about this alert until a time; the alert itself goes on."""

    type: Literal["Silence"] = "Silence"
    until: Timestamp
    reason: LongText


class Redact(AlertCommand):
    """What people said of the alert so far is taken out: who they were, and their free text. It names nobody itself."""

    type: Literal["Redact"] = "Redact"


class Notified(AlertCommand):
    """A message about the alert was delivered. Sent by the delivery itself; `by` names it."""

    type: Literal["Notified"] = "Notified"
    sequence: int = Field(ge=1, description="of the AlertEvent that the message was about")
    receiver: Identifier
    channel: Identifier


AnyCommand = Acknowledge | Assign | Act | Verify | Close | Silence | Redact | Notified
ALERT_COMMAND: TypeAdapter[AnyCommand] = TypeAdapter(Annotated[AnyCommand, Field(discriminator="type")])
