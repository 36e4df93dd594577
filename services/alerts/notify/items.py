"""An alert as a destination may hear of it, what it was told, and what is news to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from schemas.notifications import News
from services.alerts.notify.labels import LEVELS, SEVERITIES, URGENCIES, labels_of

#: States after which nothing more is to be done.
OVER = ("closed", "cancelled")
#: States in which nobody has taken the alert on yet, so that it is told again.
_UNANSWERED = ("raised", "notified")


@dataclass(frozen=True, slots=True)
class Item:
    """An alert, or a notice about a channel, as far as grouping and timing have to know it.

    mark: of the content, eight bytes as hexadecimal digits. evidence: the samples that it rests on.
    silenced_until: in milliseconds since the epoch. follow_up: it is somebody else's turn. body: all of it, as JSON.
    """

    alert_id: str
    sequence: int
    state: str
    level: str | None
    mark: str
    labels: Mapping[str, str]
    evidence: frozenset[str]
    silenced_until: int
    urgent: bool
    follow_up: bool
    body: bytes

    @property
    def over(self) -> bool:
        """Whether it is closed or cancelled."""
        return self.state in OVER

    @property
    def unanswered(self) -> bool:
        """Whether it waits for somebody to take it on."""
        return self.state in _UNANSWERED and not self.follow_up

    @property
    def gravity(self) -> tuple[int, int, str]:
        """Sorts the gravest and most urgent first."""
        severity, urgency = self.labels.get("severity", ""), self.labels.get("urgency", "")
        return (
            SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES),
            URGENCIES.index(urgency) if urgency in URGENCIES else len(URGENCIES),
            self.alert_id,
        )


class Told(NamedTuple):
    """What a destination was last told of an alert, or is being told. `at`: milliseconds since the epoch."""

    sequence: int
    state: str
    level: str | None
    mark: str
    at: int


def item_of(event: Any, body: bytes, *, urgent: bool = True, follow_up: bool = False) -> Item:
    """The item of an AlertEvent, a contract or its mirror; `body` is its JSON."""
    silenced = event.silenced_until
    moment = datetime.fromisoformat(silenced) if isinstance(silenced, str) else silenced
    return Item(
        event.alert_id,
        event.sequence,
        event.state,
        event.level,
        _mark(event.headline.zh, event.headline.en, event.severity, *_reminder(event)),
        labels_of(event),
        frozenset(one.value for one in event.evidence if one.name == "sample"),
        int(moment.timestamp() * 1000) if moment is not None else 0,
        urgent,
        follow_up,
        body,
    )


def notice_item(notice: Any, body: bytes) -> Item:
    """The item of a notice about a channel."""
    labels = {"kind": "channel", "severity": notice.severity, "alert_id": notice.alert_id}
    mark = _mark(notice.headline.zh, notice.headline.en, notice.severity)
    sequence, state = notice.sequence, notice.state
    return Item(notice.alert_id, sequence, state, None, mark, labels, frozenset(), 0, True, False, body)


def news_of(item: Item, told: Told | None) -> News | None:
    """What is new for a destination that was told so much; None where nothing is.

    The end is news to those who heard of the beginning, and so is a rise to the next level; nothing else is, once it is
    somebody else's turn.
    """
    if told is None:
        return None if item.over or item.follow_up else "raised"
    if item.sequence <= told.sequence:
        return None
    if item.over:
        if told.state in OVER:
            return None
        return "cancelled" if item.state == "cancelled" else "closed"
    if told.state in OVER:
        return None if item.follow_up else "raised"
    if _rank(item.level) > _rank(told.level):
        return "escalated"
    if item.follow_up or item.mark == told.mark:
        return None
    return "updated"


def told_of(item: Item, at: int) -> Told:
    """What was told when this item was."""
    return Told(item.sequence, item.state, item.level, item.mark, at)


def _reminder(event: Any) -> tuple[str, ...]:
    """How far a failed sample's deadline has come, as people are reminded of it. That it was met is no reminder."""
    deadline = event.deadline
    if deadline is None or event.act_rule is None:
        return ()
    if deadline.phase == "met":
        return ("passed" if deadline.late else "near",)
    return (deadline.phase,)


def _rank(level: str | None) -> int:
    return LEVELS.index(level) if level in LEVELS else -1


def _mark(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()
