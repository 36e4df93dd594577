"""From what a source says of a subject to its alert: one for each (rule, subject, epoch), whatever comes again. Pure.

Three sources say so: verdicts (`failed_samples.py`), deadlines (`overdue.py`) and detectors (`findings.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, Literal, NamedTuple

from schemas.alerts import SENDER, AlertEvent
from schemas.timing import SYNTHETIC
from services.alerts.escalation import LEVELS, SEVERITIES, Policy, first_level
from services.alerts.life import OVER, begun, moved
from services.alerts.values import Alert, milliseconds_of, text_of

_BY_LATENESS: Final = ("severity", "urgency")
NOTHING: Final[Mapping[str, Any]] = {}


class Case(NamedTuple):
    """What a source says: it stands, it has passed (over), or it never was (void).

    says: the fields of the alert that follow from it; one of them that changes updates the alert. adds: fields that are
    set whenever the alert moves, but are no reason to move it. begins: fields that are set when it is raised and then
    stay. reason: why it changed.
    """

    rule: str
    subject: str
    epoch: str
    standing: Literal["open", "over", "void"]
    says: Mapping[str, Any]
    adds: Mapping[str, Any] = NOTHING
    begins: Mapping[str, Any] = NOTHING
    reason: str | None = None


def alert_id(partition: int, rule: str, subject: str, epoch: str) -> str:
    """The id of the one alert about a subject. It begins with the partition whose service owns it."""
    return f"{partition:02d}-{blake2b(f'{rule}|{subject}|{epoch}'.encode(), digest_size=10).hexdigest()}"


def owner_of(alert_id: str) -> int | None:
    """The partition that owns the alert; None if this is no alert's id."""
    head, _, tail = alert_id.partition("-")
    return int(head) if len(head) == 2 and head.isdecimal() and tail else None


def settle(held: AlertEvent | None, case: Case, partition: int, now: int, policy: Policy) -> AlertEvent | None:
    """The alert after what a source said at `now`, in milliseconds; None where nothing changes.

    One that people have closed stays closed. One that was cancelled is raised again when the case stands again.
    """
    if held is None:
        return _raised(case, partition, now, policy) if case.standing == "open" else None
    if case.standing == "open":
        if held.state == "cancelled":
            return _again(held, case, now, policy)
        return None if held.state == "closed" else _updated(held, case, now, policy)
    if held.state in OVER:
        return None
    ended = {"ack_by": None, "ack_expires_at": None, "reason": case.reason, **case.adds, **case.says}
    if case.standing == "void":
        return moved(held, now, msg_type="Cancel", transition="cancelled", state="cancelled", **ended)
    return moved(held, now, transition="closed", state="closed", **ended)


def _raised(case: Case, partition: int, now: int, policy: Policy) -> AlertEvent:
    identity = alert_id(partition, case.rule, case.subject, case.epoch)
    said, moment = case.says, text_of(now)
    return Alert(
        event_id=f"{identity}:1",
        alert_id=identity,
        sequence=1,
        rule=case.rule,
        subject=case.subject,
        epoch=case.epoch,
        state="raised",
        transition="raised",
        status="Exercise" if said["source"].startswith(SYNTHETIC) else "Actual",
        msg_type="Alert",
        contact=policy.contact,
        raised_at=moment,
        changed_at=moment,
        changed_by=SENDER,
        **begun(said["area"], said["severity"], now, policy),
        **case.begins,
        **case.adds,
        **said,
    )


def _again(held: AlertEvent, case: Case, now: int, policy: Policy) -> AlertEvent:
    start = begun(case.says["area"], case.says["severity"], now, policy)
    forgotten: dict[str, Any] = {
        "acknowledged_by": None,
        "notified_at": None,
        "silenced_until": None,
        "silence_reason": None,
        "deadline": None,
    }
    told = {**forgotten, **start, **case.begins, **case.adds, **case.says}
    return moved(held, now, transition="raised", state="raised", reason=case.reason, **told)


def _updated(held: AlertEvent, case: Case, now: int, policy: Policy) -> AlertEvent | None:
    # what lateness has made of an alert no revised report undoes
    kept = _BY_LATENESS if held.act_rule is not None and held.deadline is not None else ()
    changed = {name: value for name, value in case.says.items() if name not in kept and getattr(held, name) != value}
    if not changed:
        return None
    if "area" in changed:
        # one that has grown may have nobody at the level that the alert is with
        changed["level"] = max(held.level, first_level(changed["area"]), key=LEVELS.index)
    if held.ack_by is not None and (severity := changed.get("severity")) is not None:
        # a graver matter is answered sooner, never later
        sooner = now + policy.acknowledge_within[severity][held.level]
        if SEVERITIES.index(severity) < SEVERITIES.index(held.severity) and sooner < milliseconds_of(held.ack_by):
            changed["ack_by"] = text_of(sooner)
    return moved(held, now, transition="updated", reason=case.reason, **case.adds, **changed)
