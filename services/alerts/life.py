"""The life of an alert: which command moves it from which state to which, and what time alone does. Pure.

What time does is worked out from the alert, never from when a timer happened to fire: an acknowledgement lapses at
`ack_expires_at`, an unanswered alert moves up at `ack_by`. So before anything else is taken, what was due until its
arrival is done (`advance`), and a replay comes to the same history.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from schemas.alerts import (
    SENDER,
    Acknowledge,
    Act,
    AlertEvent,
    AlertState,
    AnyCommand,
    Assign,
    Close,
    Notified,
    Severity,
    Silence,
    Verify,
)
from schemas.values import REDACTED
from services.alerts import act_by, values
from services.alerts.escalation import SEVERITIES, Policy, first_level, level_above
from services.alerts.values import milliseconds_of, replaced, text_of
from services.runtime.answers import ACCEPTED, Answer, rejected

OVER: Final = ("closed", "cancelled")
#: (state, command) -> state. What is not in the table is rejected. Verdicts, deadlines and detectors cancel or close an
#: alert in any state that is not over.
MOVES: Final[dict[tuple[AlertState, str], AlertState]] = {
    ("raised", "Notified"): "notified",
    ("raised", "Acknowledge"): "acknowledged",
    ("raised", "Assign"): "raised",
    ("raised", "Act"): "acted",
    ("raised", "Silence"): "raised",
    ("raised", "Close"): "closed",
    ("notified", "Notified"): "notified",
    ("notified", "Acknowledge"): "acknowledged",
    ("notified", "Assign"): "notified",
    ("notified", "Act"): "acted",
    ("notified", "Silence"): "notified",
    ("notified", "Close"): "closed",
    ("acknowledged", "Notified"): "acknowledged",
    ("acknowledged", "Assign"): "acknowledged",
    ("acknowledged", "Act"): "acted",
    ("acknowledged", "Silence"): "acknowledged",
    ("acknowledged", "Close"): "closed",
    ("acted", "Notified"): "acted",
    ("acted", "Assign"): "acted",
    ("acted", "Act"): "acted",
    ("acted", "Verify"): "verified",
    ("acted", "Silence"): "acted",
    ("acted", "Close"): "closed",
    ("verified", "Notified"): "verified",
    ("verified", "Assign"): "verified",
    ("verified", "Act"): "acted",
    ("verified", "Silence"): "verified",
    ("verified", "Close"): "closed",
    # those who were told are told of the end too
    ("closed", "Notified"): "closed",
    ("cancelled", "Notified"): "cancelled",
}
#: By which state what the rule asks for has been done; closing an alert always says so.
MET_IN: Final[dict[str, tuple[AlertState, ...]]] = {
    act_by.URGENT: ("acted", "verified", "closed"),
    act_by.DISPOSAL: ("verified", "closed"),
}
_UNANSWERED: Final = ("raised", "notified")


def command(alert: AlertEvent, order: AnyCommand, now: int, policy: Policy) -> tuple[AlertEvent, Answer]:
    """What a command does that arrived at `now`, in milliseconds; what the alert's state does not allow is rejected.

    A message delivered (Notified) is an event of its own only when it is the first; the delivery keeps its own log.
    """
    state = MOVES.get((alert.state, order.type))
    if state is None:
        return alert, rejected("type", f"{order.type} is not possible: the alert is {alert.state}")
    step: dict[str, Any]
    match order:
        case Notified():
            if alert.notified_at is not None or alert.state in OVER:
                return alert, ACCEPTED
            step = {
                "transition": "notified",
                "notified_at": text_of(now),
                "reason": f"{order.channel}: {order.receiver}",
            }
        case Acknowledge():
            expires = now + policy.acknowledgement_lasts[alert.severity]
            if order.expires_at is not None:
                expires = int(order.expires_at.timestamp() * 1000)
                if expires <= now:
                    return alert, rejected("expires_at", "lies before the command's arrival")
            step = {
                "transition": "acknowledged",
                "acknowledged_by": order.by,
                "ack_expires_at": text_of(expires),
                "ack_by": None,
                "reason": order.note,
            }
        case Assign():
            step = {"transition": "assigned", "assignee": order.assignee, "reason": order.note}
        case Act():
            steps = alert.steps if order.step is None or order.step in alert.steps else (*alert.steps, order.step)
            step = {"transition": "acted", "steps": steps, "reason": order.action, **_ANSWERED}
        case Verify():
            step = {"transition": "verified", "reason": order.finding}
        case Silence():
            if int(order.until.timestamp() * 1000) <= now:
                return alert, rejected("until", "lies before the command's arrival")
            until = order.until.isoformat()
            step = {
                "transition": "silenced",
                "silenced_until": until,
                "silence_reason": order.reason,
                "reason": order.reason,
            }
        case Close():
            step = {"transition": "closed", "reason": order.reason, **_ANSWERED}
    step |= _met(alert, state, now)
    return moved(alert, now, by=order.by, state=state, stated_at=order.at.isoformat(), **step), ACCEPTED


#: The fields that name people, or may in free text.
_PEOPLE: Final = ("acknowledged_by", "assignee", "silence_reason")


def redacted(alert: AlertEvent, now: int) -> AlertEvent:
    """The alert without what names people, in whatever state it is. Who asked for it stands in the log of commands."""
    named = {name: REDACTED for name in _PEOPLE if getattr(alert, name) is not None}
    return moved(alert, now, transition="updated", reason="what named people was taken out", **named)


#: Once something is done, no acknowledgement is waited for, and none lapses.
_ANSWERED: Final = {"ack_by": None, "ack_expires_at": None}


def advance(alert: AlertEvent, until: int, policy: Policy) -> Iterator[AlertEvent]:
    """What time alone has done to the alert until then, in milliseconds: each state after the other."""
    while (due := next_due(alert, policy)) is not None and due <= until:
        alert = _on_time(alert, due, policy)
        yield alert


def next_due(alert: AlertEvent, policy: Policy) -> int | None:
    """When time alone next moves the alert, in milliseconds; None if it never does."""
    if alert.state in OVER:
        return None
    dues = (_ack_due(alert), _act_due(alert), _late_due(alert, policy))
    return min((due for due in dues if due is not None), default=None)


def begun(area: str, severity: Severity, now: int, policy: Policy) -> dict[str, Any]:
    """The fields with which the waiting for an acknowledgement begins, at the lowest level of the area."""
    level = first_level(area)
    return {"level": level, "ack_by": text_of(now + policy.acknowledge_within[severity][level])}


def moved(alert: AlertEvent, now: int, *, by: str = SENDER, msg_type: str = "Update", **step: Any) -> AlertEvent:
    """The alert after one more step. What only the last step said is forgotten."""
    # not counted: a replay may come to fewer steps than readers have seen (docs/decisions.md, 37)
    sequence = max(alert.sequence + 1, now)
    return replaced(
        alert,
        **{
            "sequence": sequence,
            "event_id": f"{alert.alert_id}:{sequence}",
            "msg_type": msg_type,
            "changed_at": text_of(now),
            "changed_by": by,
            "stated_at": None,
            "reason": None,
            **step,
        },
    )


def _ack_due(alert: AlertEvent) -> int | None:
    if alert.state == "acknowledged":
        return None if alert.ack_expires_at is None else milliseconds_of(alert.ack_expires_at)
    if alert.state in _UNANSWERED and alert.ack_by is not None and level_above(alert.level, alert.area) is not None:
        return milliseconds_of(alert.ack_by)
    return None


def _met(alert: AlertEvent, state: AlertState, now: int) -> dict[str, Any]:
    if alert.deadline is None or alert.deadline.phase == "met" or not _is_done(alert, state):
        return {}
    late = now > milliseconds_of(alert.act_by)
    return {"deadline": replaced(alert.deadline, phase="met", met_at=text_of(now), late=late)}


def _is_done(alert: AlertEvent, state: AlertState) -> bool:
    return alert.act_rule is not None and state in MET_IN.get(alert.act_rule, ("closed",))


def _act_due(alert: AlertEvent) -> int | None:
    """When a failed sample that has not been acted on is next reminded of: once before act_by, and at act_by."""
    if alert.act_rule is None or _is_done(alert, alert.state):
        return None
    if alert.deadline is None:
        return min(milliseconds_of(alert.act_near_at), milliseconds_of(alert.act_by))
    return milliseconds_of(alert.act_by) if alert.deadline.phase == "near" else None


def _late_due(alert: AlertEvent, policy: Policy) -> int | None:
    """When an overdue alert becomes graver."""
    deadline = alert.deadline
    if deadline is None or deadline.phase != "passed":
        return None
    graver = (
        step.after for step in policy.lateness if SEVERITIES.index(step.severity) < SEVERITIES.index(alert.severity)
    )
    after = next(graver, None)
    return None if after is None else milliseconds_of(deadline.due_at) + after


def _on_time(alert: AlertEvent, due: int, policy: Policy) -> AlertEvent:
    if due == _act_due(alert):
        return _reminded(alert, due, policy)
    if due == _late_due(alert, policy):
        late = due - milliseconds_of(alert.deadline.due_at)  # type: ignore[union-attr]
        severity = policy.severity_when_late(late)
        reason = f"it has been late for {late // 86_400_000} days"
        return moved(alert, due, transition="updated", severity=severity, reason=reason)
    within = policy.acknowledge_within[alert.severity]
    if alert.state == "acknowledged":
        return moved(
            alert,
            due,
            transition="ack_expired",
            state="raised" if alert.notified_at is None else "notified",
            acknowledged_by=None,
            ack_expires_at=None,
            ack_by=text_of(due + within[alert.level]),
            reason=f"{alert.acknowledged_by} acknowledged it, and nothing was done in time",
        )
    level = level_above(alert.level, alert.area)
    assert level is not None, "next_due names no moment where there is no level above"
    return moved(
        alert,
        due,
        transition="escalated",
        level=level,
        ack_by=text_of(due + within[level]),
        reason=f"nobody at the {alert.level} acknowledged it in time",
    )


def _reminded(alert: AlertEvent, due: int, policy: Policy) -> AlertEvent:
    passed = due >= milliseconds_of(alert.act_by)
    deadline = values.Deadline(
        rule=alert.act_rule,
        due_at=alert.act_by,
        phase="passed" if passed else "near",
        provisional=alert.act_by_provisional,
        unconfirmed=alert.act_by_unconfirmed,
        liable="regulator",
    )
    if not passed:
        return moved(alert, due, transition="updated", deadline=deadline, reason="the deadline for acting on it nears")
    severity = min(alert.severity, policy.severity_when_late(0), key=SEVERITIES.index)
    reason = "the deadline for acting on it has passed"
    return moved(
        alert, due, transition="updated", deadline=deadline, urgency="Immediate", severity=severity, reason=reason
    )
