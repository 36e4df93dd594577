"""The alerts stage: one alert per sample and item class, cancelled with the verdict, moved on by commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.alerts import AlertEvent
from schemas.receipts import Receipt
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, RECEIPTS, VERDICTS
from schemas.verdicts import FailedItem, Verdict
from services.alerts import domain
from services.alerts.item_classes import class_of, grade_of
from services.alerts.stage import AlertsStage
from tests.memory import FakeRecord, MemoryShard

PARTITION = 5
LEAD = {"item": "铅", "value": "0.9", "limit": "0.2", "limit_kind": "max", "unit": "mg/kg"}
SALMONELLA = {"item": "沙门氏菌", "value": "检出"}


def verdict(revision: int, outcome: str | None = "fail", items: Any = (LEAD,), **more: Any) -> FakeRecord:
    body = {
        "sample_id": "S1",
        "revision": revision,
        "status": "concluded" if outcome else "voided",
        "outcome": outcome,
        "measure": "qualification",
        "counted_on": "2026-03-05",
        "concluded_at": "2026-03-05T08:00:00+08:00",
        "report_no": "R1",
        "lab_id": "L1",
        "items": 2,
        "failed_items": list(items) if outcome == "fail" else [],
        "domain": "food",
        "plan": "supervision",
        "targeting": "routine",
        "category": ["粮食加工品"],
        "product_name": "大米",
        "region": "621002",
        "stage": "circulation",
        "sampled_at": "2026-03-01T08:00:00+08:00",
        "source": "lab",
    }
    value = Verdict.model_validate(body | more).model_dump_json().encode()
    return FakeRecord(VERDICTS.name, revision, b"S1", value, partition=PARTITION)


def order(kind: str, alert_id: str, event_id: str = "c1", **more: Any) -> FakeRecord:
    body = {
        "type": kind,
        "source": "app",
        "event_id": event_id,
        "alert_id": alert_id,
        "by": "王",
        "at": "2026-03-06T08:00:00+08:00",
        **more,
    }
    key = alert_id.encode()
    return FakeRecord(ALERT_COMMANDS.name, 0, key, json.dumps(body).encode(), partition=PARTITION)


def shard(*records: FakeRecord) -> MemoryShard:
    one = MemoryShard(AlertsStage(), PARTITION)
    for record in records:
        one.feed([record])
    return one


def events(one: MemoryShard) -> list[AlertEvent]:
    return [AlertEvent.model_validate_json(message.value) for message in one.of(ALERT_EVENTS.name)]


def answer(one: MemoryShard) -> tuple[str, str | None, str | None]:
    receipt = Receipt.model_validate_json(one.of(RECEIPTS.name)[-1].value)
    return receipt.outcome, receipt.field, receipt.reason


def test_one_alert_for_each_class_of_item() -> None:
    raised = events(shard(verdict(2, items=(LEAD, SALMONELLA, LEAD | {"item": "镉"}))))
    assert {(alert.item_class, alert.state, alert.severity) for alert in raised} == {
        ("heavy_metal", "raised", "Severe"),
        ("pathogen", "raised", "Extreme"),
    }
    assert {len(alert.items) for alert in raised} == {1, 2}
    assert len({alert.alert_id for alert in raised}) == 2


def test_the_headline_says_what_and_how_much() -> None:
    (alert,) = events(shard(verdict(2)))
    assert "铅 0.9 > 0.2 mg/kg" in alert.headline.zh
    assert "大米" in alert.headline.en


def test_a_repeated_or_older_verdict_raises_nothing_again() -> None:
    assert len(events(shard(verdict(2), verdict(2), verdict(1)))) == 1


def test_an_overturned_verdict_cancels() -> None:
    raised, cancelled = events(shard(verdict(2), verdict(3, "pass")))
    assert (cancelled.alert_id, cancelled.state, cancelled.msg_type) == (raised.alert_id, "cancelled", "Cancel")
    assert cancelled.sequence == 2


def test_a_failure_that_stands_again_raises_the_same_alert() -> None:
    first, _, again = events(shard(verdict(2), verdict(3, None), verdict(4)))
    assert (again.alert_id, again.state, again.sequence) == (first.alert_id, "raised", 3)


def test_a_changed_value_updates_and_never_raises_a_second() -> None:
    first, second = events(shard(verdict(2), verdict(3, items=(LEAD | {"value": "1.1"},))))
    assert (second.alert_id, second.transition, second.state) == (first.alert_id, "updated", "raised")


def test_commands_move_an_alert_once() -> None:
    one = shard(verdict(2))
    identity = events(one)[0].alert_id
    one.feed([order("Acknowledge", identity)])
    assert answer(one)[0] == "accepted"
    one.feed([order("Acknowledge", identity)])
    assert answer(one)[0] == "duplicate"
    one.feed([order("Acknowledge", identity, "c2")])
    assert answer(one)[:2] == ("rejected", "type")
    one.feed([order("Close", identity, "c3", reason="recalled")])
    one.feed([order("Act", identity, "c4", action="visited")])
    outcome, _, reason = answer(one)
    assert outcome == "rejected" and reason is not None and "closed" in reason
    assert [alert.state for alert in events(one)] == ["raised", "acknowledged", "closed"]


def test_a_closed_alert_stays_closed_when_the_verdict_is_overturned() -> None:
    one = shard(verdict(2))
    one.feed([order("Close", events(one)[0].alert_id, reason="recalled")])
    one.feed([verdict(3, "pass")])
    assert [alert.state for alert in events(one)] == ["raised", "closed"]


def test_a_command_for_no_alert_is_rejected() -> None:
    one = shard(order("Acknowledge", domain.alert_id(PARTITION, "failed_sample", "S9|pathogen")))
    assert answer(one)[:2] == ("rejected", "alert_id")


@pytest.mark.parametrize("text", ["", "5-abc", "xx-abc", "05-", "nonsense"])
def test_what_is_no_alert_id_has_no_owner(text: str) -> None:
    assert domain.owner_of(text) is None


def test_an_alert_id_names_its_owner() -> None:
    assert domain.owner_of(domain.alert_id(11, "failed_sample", "S1|x")) == 11


@pytest.mark.parametrize(
    ("item", "expected"),
    [("黄曲霉毒素B₁", "mycotoxin"), ("铅(以Pb计)", "heavy_metal"), ("氯霉素", "prohibited"), ("甜度", "unclassified")],
)
def test_items_without_a_class_are_classed_by_their_names(item: str, expected: str) -> None:
    assert class_of(FailedItem(item=item)) == expected


def test_an_unknown_class_is_graded_as_a_quality_failure() -> None:
    assert grade_of("something_new") == grade_of("quality")
