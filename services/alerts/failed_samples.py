"""The alerts of a sample that failed: one for each class of items, by its verdict. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.alerts import AlertEvent, Category, ClassedBy, Wording
from schemas.values import Domain
from schemas.verdicts import FailedItem, Verdict
from services.alerts import values
from services.alerts.act_by import ActBy
from services.alerts.domain import NOTHING, Case, settle
from services.alerts.escalation import Policy
from services.alerts.excess import describe, listed
from services.alerts.item_classes import class_of, grade_of

RULE: Final = "failed_sample"
#: A sample has one verdict at a time; what fails again after all is the same alert.
_EPOCH: Final = "1"
#: A headline names so many items; the description so many, and the alert has them all.
_IN_HEADLINE, _IN_DESCRIPTION = 3, 12

_NOUN: Final = {
    "qualification": ("不合格", "failed"),
    "problem": ("问题样品", "is a problem sample"),
    "suspicion": ("快检可疑", "is suspected by a rapid test"),
}
_EVENT: Final = {
    "qualification": ("抽检不合格", "failed sample"),
    "problem": ("风险监测问题样品", "problem sample of risk monitoring"),
    "suspicion": ("快检可疑", "suspicion by a rapid test"),
}
_INSTRUCTION: Final = {
    "qualification": (
        "通知被抽样单位和标称生产者,控制并召回不合格产品,查明原因,依法核查处置并报告结果。",
        "Notify the sampled party and the producer, secure and recall the product, find the cause, and report.",
    ),
    "problem": (
        "研判风险,跟踪抽检;风险监测结果不作为处罚依据。",
        "Assess the risk and follow up with statutory sampling; risk monitoring alone is no ground for a penalty.",
    ),
    "suspicion": (
        "暂停销售,抽取法定样品送检确认。",
        "Suspend the sale, and take a statutory sample to confirm.",
    ),
}
_AT_ONCE: Final = ("立即(24小时内)", "At once (within 24 hours): ")
_HEALTH: Final[frozenset[Domain]] = frozenset({"food", "food_rapid", "drug", "cosmetic"})

Alerts = Mapping[str, AlertEvent]


def category_of(domain: Domain | None) -> Category:
    """CAP's category of what happens in a domain."""
    return "Health" if domain in _HEALTH else "Safety"


def judge(
    alerts: Alerts, verdict: Verdict, partition: int, now: int, policy: Policy, act_by: ActBy
) -> Iterator[AlertEvent]:
    """What a verdict, in its mirror, does to the alerts of its sample, by item class: one is raised for each class that
    failed, updated when its items change, and cancelled when the failure no longer stands.

    Its measure says whether it is a statutory failure, a problem sample or a suspicion.
    """
    failed = _by_class(verdict) if verdict.outcome == "fail" else {}
    for item_class in sorted({*failed, *alerts}):
        items = failed.get(item_class)
        case = _gone(verdict, item_class) if items is None else _stands(verdict, item_class, *items, act_by, now)
        moved = settle(alerts.get(item_class), case, partition, now, policy)
        if moved is not None:
            yield moved


def _by_class(verdict: Verdict) -> dict[str, tuple[tuple[FailedItem, ...], ClassedBy]]:
    classes: dict[str, list[FailedItem]] = defaultdict(list)
    by: dict[str, ClassedBy] = {}
    for item in verdict.failed_items:
        found = class_of(item)
        classes[found.name].append(item)
        # of several the least sure says how sure the class is
        by[found.name] = max(by.get(found.name, "report"), found.by, key=_SURENESS.index)
    return {name: (tuple(map(_item, items)), by[name]) for name, items in classes.items()}


_SURENESS: Final = ("report", "table", "rule")


def _item(item: FailedItem) -> FailedItem:
    return values.Item(
        item=item.item,
        item_class=item.item_class,
        value=item.value,
        unit=item.unit,
        limit=item.limit,
        limit_low=item.limit_low,
        limit_kind=item.limit_kind,
        basis=item.basis,
    )


def _gone(verdict: Verdict, item_class: str) -> Case:
    if verdict.outcome == "fail":
        reason = "no report that counts has these failures any more"
    elif verdict.outcome:
        reason = "the verdict was overturned"
    else:
        reason = f"the verdict was {verdict.status}"
    adds = {"verdict_revision": verdict.revision}
    return Case(RULE, f"{verdict.sample_id}|{item_class}", _EPOCH, "void", NOTHING, adds, reason=reason)


def _stands(
    verdict: Verdict,
    item_class: str,
    items: tuple[FailedItem, ...],
    classed_by: ClassedBy,
    act_by: ActBy,
    now: int,
) -> Case:
    grade = grade_of(item_class)
    told = [describe(item) for item in items[:_IN_DESCRIPTION]]
    event_zh, event_en = _EVENT[verdict.measure]
    says: dict[str, Any] = {
        "kind": "failed_sample",
        "category": category_of(verdict.domain),
        "event": values.Wording(zh=f"{event_zh}:{grade.zh}", en=f"{event_en}: {grade.en}"),
        "severity": grade.severity,
        "urgency": grade.urgency,
        "certainty": "Observed" if verdict.measure == "qualification" else "Possible",
        "headline": _headline(verdict, listed(told[:_IN_HEADLINE], len(items))),
        "description": _description(verdict, listed(told, len(items))),
        "instruction": _instruction(verdict, grade.urgency == "Immediate"),
        "area": verdict.region,
        "domain": verdict.domain,
        "plan": verdict.plan,
        "measure": verdict.measure,
        "sample_id": verdict.sample_id,
        "product_name": verdict.product_name,
        "producer": verdict.producer.name if verdict.producer else None,
        "sampled_party": verdict.sampled_party.name if verdict.sampled_party else None,
        "lab_id": verdict.lab_id,
        "report_no": verdict.report_no,
        "item_class": item_class,
        "classed_by": classed_by,
        "items": items,
        "source": verdict.source,
    }
    return Case(
        RULE,
        f"{verdict.sample_id}|{item_class}",
        _EPOCH,
        "open",
        says,
        adds={"verdict_revision": verdict.revision, "onset": verdict.concluded_at},
        begins=act_by.of(verdict, grade.urgency, now),
        reason="the report was revised",
    )


def _headline(verdict: Verdict, items: tuple[str, str]) -> Wording:
    zh, en = _NOUN[verdict.measure]
    return values.Wording(zh=f"{verdict.product_name}{zh}:{items[0]}", en=f"{verdict.product_name} {en}: {items[1]}")


def _description(verdict: Verdict, items: tuple[str, str]) -> Wording:
    zh = [f"抽样编号 {verdict.sample_id}", f"不合格项目:{items[0]}"]
    en = [f"Sample {verdict.sample_id}", f"failed: {items[1]}"]
    for label_zh, label_en, value in (
        ("被抽样单位", "sampled from", verdict.sampled_party and verdict.sampled_party.name),
        ("标称生产企业", "producer", verdict.producer and verdict.producer.name),
        ("检验机构", "laboratory", verdict.lab_id),
        ("报告书编号", "report", verdict.report_no),
    ):
        if value:
            zh.append(f"{label_zh}:{value}")
            en.append(f"{label_en} {value}")
    if verdict.retest:
        zh.append("复检结论")
        en.append("confirmed by the retest")
    return values.Wording(zh=";".join(zh) + "。", en="; ".join(en) + ".")


def _instruction(verdict: Verdict, at_once: bool) -> Wording:
    zh, en = _INSTRUCTION[verdict.measure]
    if at_once:
        return values.Wording(zh=_AT_ONCE[0] + zh, en=_AT_ONCE[1] + en[0].lower() + en[1:])
    return values.Wording(zh=zh, en=en)
