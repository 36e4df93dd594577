"""The alert of a statutory deadline that nears or has passed, by what the clocks of samples say. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from schemas.alerts import AlertEvent, Wording
from schemas.deadlines import DeadlineEvent
from services.alerts import values
from services.alerts.act_by import legal_basis
from services.alerts.domain import Case, alert_id, settle
from services.alerts.escalation import Policy
from services.alerts.failed_samples import category_of
from services.alerts.values import milliseconds_of
from services.runtime.calendar import SHANGHAI

_WHO: Final = {
    "sampler": ("抽样人员", "the samplers"),
    "laboratory": ("检验机构", "the laboratory"),
    "regulator": ("市场监管部门", "the regulator"),
    "party": ("被抽样单位", "the sampled party"),
}
_EVENT: Final = {
    "near": ("法定期限临近", "statutory deadline nears"),
    "passed": ("法定期限已过", "statutory deadline passed"),
}


def watch(held: AlertEvent | None, event: DeadlineEvent, partition: int, now: int, policy: Policy) -> AlertEvent | None:
    """The alert after a deadline, in its mirror, reached a phase; None where nothing changes.

    What is imported long after the fact was nobody's to hurry, and where a right or a duty to keep something has come
    to its end, nobody is late.
    """
    if event.phase == "met":
        done = "late" if event.late else "in time"
        return settle(held, _ended(event, "over", f"done {done}, at {_day(event.at)}"), partition, now, policy)
    if event.phase == "void":
        return settle(held, _ended(event, "void", "the deadline no longer runs"), partition, now, policy)
    if event.historic and held is None:
        return None
    if event.phase == "passed" and event.kind != "deadline":
        return settle(held, _ended(event, "over", f"it ended at {_day(event.due_at)}"), partition, now, policy)
    return settle(held, _runs(event, now, policy), partition, now, policy)


def _facts(event: DeadlineEvent) -> dict[str, Any]:
    return {
        "deadline": values.Deadline(
            rule=event.rule,
            due_at=event.due_at,
            phase=event.phase,
            provisional=event.provisional,
            unconfirmed=not event.confirmed,
            liable=event.liable,
            met_at=event.at if event.phase == "met" else None,
            late=event.late,
        )
    }


def _ended(event: DeadlineEvent, standing: Any, reason: str) -> Case:
    return Case(event.rule, event.sample_id, _epoch(event), standing, _facts(event), reason=reason)


def identity_of(event: DeadlineEvent, partition: int) -> str:
    """The id of the alert of the clock as it started."""
    return alert_id(partition, event.rule, event.sample_id, _epoch(event))


def _epoch(event: DeadlineEvent) -> str:
    """A clock is told by when it started: its end may be reckoned anew, and is the same deadline."""
    return str(milliseconds_of(event.started_at))


def _runs(event: DeadlineEvent, now: int, policy: Policy) -> Case:
    passed = event.phase == "passed"
    due = _day(event.due_at)
    doubts_zh = ("(节假日未公布,暂定)" if event.provisional else "") + ("" if event.confirmed else "(条款待核实)")
    doubts_en = (", provisional: holidays not announced" if event.provisional else "") + (
        "" if event.confirmed else ", unconfirmed rule"
    )
    who_zh, who_en = _WHO[event.liable]
    event_zh, event_en = _EVENT[event.phase]
    verb_zh, verb_en = ("已于", "was due") if passed else ("将于", "is due")
    headline = values.Wording(
        zh=f"{event.title_zh}:{event.product_name},{verb_zh} {due} 到期{doubts_zh}",
        en=f"{event.title_en}: {event.product_name}, {verb_en} {due}{doubts_en}",
    )
    note_zh, note_en = event.note_zh or "", event.note_en or ""
    says: dict[str, Any] = {
        "kind": "overdue",
        "category": category_of(event.domain),
        "event": values.Wording(zh=event_zh, en=event_en),
        "severity": policy.severity_when_late(now - milliseconds_of(event.due_at)) if passed else "Minor",
        "urgency": "Immediate" if passed else "Future",
        "certainty": "Likely" if event.provisional or not event.confirmed else "Observed",
        "headline": headline,
        "description": _description(event, due, note_zh, note_en),
        "instruction": values.Wording(
            zh=f"责任方:{who_zh}。{'请立即完成并说明原因。' if passed else '请在期限前完成。'}",
            en=f"With {who_en}. "
            + ("Complete it at once and say why it is late." if passed else "Complete it in time."),
        ),
        "legal_basis": legal_basis(event.law, event.article, event.confirmed),
        "act_by": event.due_at,
        "act_by_provisional": event.provisional,
        "act_by_unconfirmed": not event.confirmed,
        "area": event.region,
        "domain": event.domain,
        "plan": event.plan,
        "sample_id": event.sample_id,
        "product_name": event.product_name,
        "producer": event.producer.name if event.producer else None,
        "sampled_party": event.sampled_party.name if event.sampled_party else None,
        "lab_id": event.lab_id,
        "source": event.source,
        **_facts(event),
    }
    reason = "the deadline has passed" if passed else "the deadline nears"
    return Case(event.rule, event.sample_id, _epoch(event), "open", says, {"onset": event.at}, reason=reason)


def _description(event: DeadlineEvent, due: str, note_zh: str, note_en: str) -> Wording:
    amount = f"{event.amount} {event.unit.replace('_', ' ')}"
    started = _day(event.started_at)
    lab_zh, lab_en = (f";检验机构:{event.lab_id}", f"; laboratory {event.lab_id}") if event.lab_id else ("", "")
    return values.Wording(
        zh=f"抽样编号 {event.sample_id};自 {started} 起算({amount}),到期 {due}{lab_zh}。{note_zh}",
        en=f"Sample {event.sample_id}; {amount} from {started}, due {due}{lab_en}. {note_en}".strip(),
    )


def _day(moment: Any) -> str:
    """A moment as people in Shanghai write it, to the minute."""
    return datetime.fromisoformat(moment).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
