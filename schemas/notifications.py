"""alerts.notifications.v1 and alerts.deliveries.v1: what each destination is to be told, and the notification log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.alerts import AlertEvent, AlertState, Level, Severity, Wording
from schemas.values import Contract, Identifier, LongText, Text, Timestamp

#: `receiver/channel`; for what every partition must know, the star.
DestinationName = Annotated[str, Field(min_length=1, max_length=400)]
#: What a message says of an alert.
News = Literal["raised", "updated", "escalated", "repeated", "closed", "cancelled"]
DeliveryOutcome = Literal["delivered", "unknown", "abandoned", "failing", "recovered"]


class Notice(Contract):
    """What operations are told of a channel: that it fails, or works again."""

    alert_id: Identifier
    sequence: int = Field(ge=1)
    state: AlertState
    severity: Severity
    headline: Wording


class Notification(Contract):
    """An alert as one destination may have to hear of it, with the group there that it belongs to.

    Destination `*`: an alert that may inhibit others, for every partition.
    """

    destination: DestinationName
    group: Identifier
    labels: dict[str, str] = Field(default_factory=dict)
    wait: float = Field(0.0, description="seconds that a new group waits for more")
    interval: float = Field(0.0, description="seconds between two messages of the group")
    repeat: float = Field(0.0, description="seconds after which it is told again while nobody acknowledges; 0: never")
    digest: tuple[int, ...] = Field((), description="minutes of the day in Asia/Shanghai at which it is told")
    urgent: bool = Field(True, description="does not wait for the digest")
    follow_up: bool = Field(False, description="it is somebody else's turn: only what was told before is followed up")
    alert: AlertEvent | None = None
    notice: Notice | None = None


class ToldAlert(Contract):
    """One alert of a message, as it was told."""

    alert_id: Identifier
    sequence: int = Field(ge=1)
    news: News
    state: AlertState
    level: Level | None = None
    mark: str = Field(description="of the content: another one is news")


class Delivery(Contract):
    """What became of one message. `delivered` and its kin are final: the message is not sent again.

    unknown: the process died twice while sending it, so it may have arrived. abandoned: it could not be delivered for
    as long as configured. failing and recovered are about the channel and name no message.
    """

    delivery_id: Identifier
    destination: DestinationName
    group: Identifier
    number: int = Field(ge=0, description="counts the messages of the group")
    outcome: DeliveryOutcome
    at: Timestamp
    attempts: int = Field(ge=0)
    channel: Text = Field(description="the kind of channel, such as wecombot")
    reason: LongText | None = None
    alerts: tuple[ToldAlert, ...] = ()
