"""The life of an alert about a failed sample: raised by a verdict, moved on by commands. Pure: no I/O, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from schemas.alerts import Acknowledge, Act, AlertEvent, AnyCommand, Assign, Close, Silence, Wording
from schemas.verdicts import FailedItem, Verdict
from services.alerts.item_classes import class_of, grade_of
from services.runtime.answers import ACCEPTED, Answer, rejected

#: The alerts of one sample by item class.
Alerts = Mapping[str, AlertEvent]
OVER = ("closed", "cancelled")


def alert_id(partition: int, rule: str, subject: str) -> str:
    """The id of the one alert about a subject. It begins with the partition whose service owns it."""
    return f"{partition:02d}-{blake2b(f'{rule}|{subject}'.encode(), digest_size=10).hexdigest()}"


def owner_of(alert_id: str) -> int | None:
    """The partition that owns the alert; None if this is no alert's id."""
    head, _, tail = alert_id.partition("-")
    return int(head) if len(head) == 2 and head.isdecimal() and tail else None


def judge(alerts: Alerts, verdict: Verdict, partition: int, arrived_at: datetime) -> Iterator[AlertEvent]:
    """What a verdict does to the alerts of its sample: one is raised for each class of items that failed, updated when
    its items change, and cancelled when the failure no longer stands. Its measure says whether it is a statutory
    failure, a problem sample or a suspicion.
    """
    failed = _by_class(verdict) if verdict.outcome == "fail" else {}
    for item_class in sorted(set(failed) | set(alerts)):
        held, items = alerts.get(item_class), failed.get(item_class)
        if items is None:
            if held is not None and held.state not in OVER:
                reason = "the verdict was overturned" if verdict.outcome else f"the verdict was {verdict.status}"
                yield _moved(held, "cancelled", verdict, arrived_at, state="cancelled", reason=reason)
        elif held is None:
            yield _raised(verdict, item_class, items, partition, arrived_at)
        elif held.state == "cancelled":
            yield _moved(held, "raised", verdict, arrived_at, state="raised", items=items, reason="it failed again")
        elif held.items != items or held.report_no != verdict.report_no:
            yield _moved(held, "updated", verdict, arrived_at, items=items, reason="the report was revised")


def command(alert: AlertEvent, order: AnyCommand) -> tuple[AlertEvent, Answer]:
    """What an inspector's command does to an alert; one that the alert's state does not allow is rejected."""
    if alert.state in OVER:
        return alert, rejected("type", f"{order.type} is not possible: the alert is {alert.state}")
    step: dict[str, Any]
    match order:
        case Acknowledge():
            if alert.state != "raised":
                return alert, rejected("type", f"Acknowledge is not possible: the alert is {alert.state}")
            step = {"transition": "acknowledged", "state": "acknowledged", "reason": order.note}
        case Assign():
            step = {"transition": "assigned", "assignee": order.assignee, "reason": order.note}
        case Act():
            step = {"transition": "acted", "state": "acted", "reason": order.action}
        case Silence():
            step = {"transition": "silenced", "silenced_until": order.until, "reason": order.reason}
        case Close():
            step = {"transition": "closed", "state": "closed", "reason": order.reason}
    return _next(alert, changed_at=order.at, changed_by=order.by, msg_type="Update", **step), ACCEPTED


def _by_class(verdict: Verdict) -> dict[str, tuple[FailedItem, ...]]:
    classes: dict[str, list[FailedItem]] = defaultdict(list)
    for item in verdict.failed_items:
        classes[class_of(item)].append(item)
    return {name: tuple(items) for name, items in classes.items()}


def _raised(
    verdict: Verdict, item_class: str, items: tuple[FailedItem, ...], partition: int, arrived_at: datetime
) -> AlertEvent:
    grade = grade_of(item_class)
    identity = alert_id(partition, "failed_sample", f"{verdict.sample_id}|{item_class}")
    return AlertEvent.model_construct(
        event_id=f"{identity}:1",
        alert_id=identity,
        sequence=1,
        kind="failed_sample",
        state="raised",
        transition="raised",
        msg_type="Alert",
        severity=grade.severity,
        urgency=grade.urgency,
        certainty="Observed" if verdict.measure == "qualification" else "Possible",
        headline=_headline(verdict, items),
        area=verdict.region,
        domain=verdict.domain,
        plan=verdict.plan,
        measure=verdict.measure,
        sample_id=verdict.sample_id,
        product_name=verdict.product_name,
        producer=verdict.producer.name if verdict.producer else None,
        sampled_party=verdict.sampled_party.name if verdict.sampled_party else None,
        lab_id=verdict.lab_id,
        report_no=verdict.report_no,
        item_class=item_class,
        items=items,
        verdict_revision=verdict.revision,
        raised_at=arrived_at,
        changed_at=arrived_at,
        changed_by="samplewatch/alerts",
        source=verdict.source,
    )


def _moved(alert: AlertEvent, transition: str, verdict: Verdict, arrived_at: datetime, **step: Any) -> AlertEvent:
    if "items" in step:
        step["headline"] = _headline(verdict, step["items"])
        step |= {"lab_id": verdict.lab_id, "report_no": verdict.report_no}
    return _next(
        alert,
        transition=transition,
        msg_type="Cancel" if transition == "cancelled" else "Update",
        verdict_revision=verdict.revision,
        changed_at=arrived_at,
        changed_by="samplewatch/alerts",
        **step,
    )


def _next(alert: AlertEvent, **step: Any) -> AlertEvent:
    sequence = alert.sequence + 1
    return alert.model_copy(update={"sequence": sequence, "event_id": f"{alert.alert_id}:{sequence}", **step})


#: A headline names so many items, each in so many characters; the alert has them all.
_NAMED_ITEMS, _ITEM_LENGTH = 8, 200
_NOUN = {
    "qualification": ("不合格", "failed"),
    "problem": ("问题样品", "is a problem sample"),
    "suspicion": ("快检可疑", "is suspected by a rapid test"),
}


def _headline(verdict: Verdict, items: tuple[FailedItem, ...]) -> Wording:
    zh, en = _NOUN[verdict.measure]
    named = [_excess(item)[:_ITEM_LENGTH] for item in items[:_NAMED_ITEMS]]
    left = len(items) - len(named)
    more_zh, more_en = (f"等{len(items)}项", f" and {left} more") if left else ("", "")
    return Wording.model_construct(
        zh=f"{verdict.product_name}{zh}:{'、'.join(named)}{more_zh}(抽样编号 {verdict.sample_id})",
        en=f"{verdict.product_name} {en}: {', '.join(named)}{more_en} (sample {verdict.sample_id})",
    )


def _excess(item: FailedItem) -> str:
    if item.value is None:
        return item.item
    unit = f" {item.unit}" if item.unit else ""
    limit = f" > {item.limit}" if item.limit is not None and item.limit_kind != "min" else ""
    return f"{item.item} {item.value}{limit}{unit}"
