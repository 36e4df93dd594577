"""The alerts stage: one alert per sample and item class, cancelled with the verdict, moved on by commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import AlertEvent, AlertState
from schemas.deadlines import DeadlineEvent
from schemas.findings import Finding
from schemas.receipts import Receipt
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, DEADLINES, FINDINGS, RECEIPTS, VERDICTS
from schemas.verdicts import Verdict
from services.alerts import domain, store
from services.alerts.fold import GRACE
from services.alerts.life import MOVES, OVER
from services.alerts.notify.items import item_of, news_of, told_of
from services.alerts.stage import AlertsStage
from tests.memory import FakeRecord, MemoryShard

PARTITION = 5
STAGE = AlertsStage()
#: When records arrive unless a test says otherwise: 2026-04-01 07:33:20 in Shanghai.
NOW = 1_775_000_000_000
HOUR, DAY = 3_600_000, 86_400_000
LEAD = {"item": "铅", "value": "0.9", "limit": "0.2", "limit_kind": "max", "unit": "mg/kg"}
SALMONELLA = {"item": "沙门氏菌", "value": "检出"}


def verdict(
    revision: int, outcome: str | None = "fail", items: Any = (LEAD,), at: int = NOW, **more: Any
) -> FakeRecord:
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
    return FakeRecord(VERDICTS.name, revision, b"S1", value, partition=PARTITION, timestamp=at)


def order(kind: str, alert_id: str, event_id: str = "c1", arrived: int = NOW, **more: Any) -> FakeRecord:
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
    value = json.dumps(body).encode()
    return FakeRecord(ALERT_COMMANDS.name, 0, key, value, partition=PARTITION, timestamp=arrived)


def deadline(revision: int, phase: str, arrived: int = NOW, **more: Any) -> FakeRecord:
    body = {
        "event_id": f"S1:food_report:{revision}",
        "deadline_id": "S1:food_report",
        "sample_id": "S1",
        "revision": revision,
        "phase": phase,
        "at": "2026-04-01T00:00:00+08:00",
        "rule": "food_report",
        "rule_version": "2019-10-01",
        "kind": "deadline",
        "started_at": "2026-03-02T08:00:00+08:00",
        "due_at": "2026-04-01T00:00:00+08:00",
        "near_at": "2026-03-27T00:00:00+08:00",
        "amount": 20,
        "unit": "working_days",
        "provisional": False,
        "confirmed": True,
        "title_zh": "出具检验报告",
        "title_en": "Report of the laboratory",
        "law": "食品安全抽样检验管理办法",
        "article": "24",
        "liable": "laboratory",
        "domain": "food",
        "plan": "supervision",
        "targeting": "routine",
        "region": "621002101",
        "stage": "circulation",
        "category": ["粮食加工品"],
        "product_name": "大米",
        "sampled_at": "2026-03-01T08:00:00+08:00",
        "source": "inspectors",
    }
    value = DeadlineEvent.model_validate(body | more).model_dump_json().encode()
    return FakeRecord(DEADLINES.name, revision, b"S1", value, partition=PARTITION, timestamp=arrived)


def finding(revision: int, status: str, epoch: str = "2026-04-01", **more: Any) -> FakeRecord:
    text = {"zh": "城关区食品合格率下降", "en": "the rate dropped"}
    body = {
        "rule": "county-30d",
        "subject": "food|supervision|county|621002",
        "epoch": epoch,
        "revision": revision,
        "status": status,
        "kind": "rate_drop",
        "severity": "Moderate",
        "urgency": "Expected",
        "certainty": "Likely",
        **dict.fromkeys(("event", "headline", "description", "instruction"), text),
        "area": "621002",
        "source": "samplewatch/alerts",
    }
    value = Finding.model_validate(body | more).model_dump_json().encode()
    return FakeRecord(FINDINGS.name, revision, b"x", value, partition=PARTITION, timestamp=NOW + revision)


def shard(*records: FakeRecord) -> MemoryShard:
    one = MemoryShard(STAGE, PARTITION)
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


def test_the_texts_say_what_and_how_much_and_by_when_on_what_basis() -> None:
    (alert,) = events(shard(verdict(2)))
    assert alert.headline.zh == "大米不合格:铅 0.9 mg/kg(限量 ≤0.2 mg/kg,为限量的 4.5 倍)"
    assert alert.headline.en == "大米 failed: 铅 0.9 mg/kg (limit ≤ 0.2 mg/kg, 4.5 times the limit)"
    assert "S1" in alert.description.zh and "L1" in alert.description.en
    assert alert.act_by is not None and alert.act_by.isoformat() == "2026-07-02T00:00:00+08:00"
    assert alert.legal_basis is not None and "食品安全抽样检验管理办法" in alert.legal_basis.zh
    assert alert.act_by_unconfirmed


def test_what_is_urgent_is_to_be_acted_on_within_a_day() -> None:
    (alert,) = events(shard(verdict(2, items=(SALMONELLA,))))
    assert alert.act_by is not None
    assert 0 <= alert.act_by.timestamp() * 1000 - NOW - DAY < 60_000
    assert alert.instruction.zh.startswith("立即")
    (drug,) = events(shard(verdict(2, items=(SALMONELLA,), domain="drug")))
    assert drug.act_by is not None and drug.legal_basis is None, "by our own policy: the table has no row for drugs"
    (problem,) = events(shard(verdict(2, plan="risk_monitoring", measure="problem")))
    assert (problem.act_by, problem.legal_basis, problem.certainty) == (None, None, "Possible")
    (found_by_evaluation,) = events(shard(verdict(2, plan="evaluation")))
    assert (found_by_evaluation.act_by, found_by_evaluation.legal_basis) == (None, None)


def test_what_is_simulated_is_an_exercise() -> None:
    (alert,) = events(shard(verdict(2, source="synthetic:621000")))
    assert alert.status == "Exercise"


def test_a_repeated_or_older_verdict_raises_nothing_again() -> None:
    assert len(events(shard(verdict(2), verdict(2), verdict(1)))) == 1


def test_a_failure_that_was_overtaken_before_it_was_published_raises_nothing() -> None:
    # lab_results, rebuilt, may read a sample before the reports that were parked when they first came
    assert not events(shard(verdict(3, "pass"), verdict(2, "fail")))


def test_an_overturned_verdict_cancels() -> None:
    raised, cancelled = events(shard(verdict(2), verdict(3, "pass")))
    assert (cancelled.alert_id, cancelled.state, cancelled.msg_type) == (raised.alert_id, "cancelled", "Cancel")
    assert cancelled.sequence > raised.sequence == 1


def test_a_failure_that_stands_again_raises_the_same_alert() -> None:
    first, cancelled, again = events(shard(verdict(2), verdict(3, None), verdict(4)))
    assert (again.alert_id, again.state) == (first.alert_id, "raised")
    assert again.sequence > cancelled.sequence


def test_after_a_replay_what_comes_next_is_news_whatever_order_the_first_run_took() -> None:
    """Live, topics are taken as they are fetched; a replay merges them by arrival. A report of a delivery that came
    just after the end of an alert may have been taken before it, and then the first run has had a step more."""
    raise_it, end_it = verdict(2), verdict(3, "pass", at=NOW + HOUR)
    identity = events(shard(raise_it))[0].alert_id
    told = order("Notified", identity, "n", NOW + HOUR + 1, sequence=1, receiver="r", channel="mail")
    live, replayed = shard(raise_it, told, end_it), shard(raise_it, end_it, told)
    assert len(events(live)) == len(events(replayed)) + 1
    replayed.feed([verdict(4, at=NOW + 2 * HOUR)])
    again = events(replayed)[-1]
    assert again.transition == "raised"
    assert again.sequence > max(event.sequence for event in events(live))


def test_a_changed_value_updates_and_never_raises_a_second() -> None:
    first, second = events(shard(verdict(2), verdict(3, items=(LEAD | {"value": "1.1"},))))
    assert (second.alert_id, second.transition, second.state) == (first.alert_id, "updated", "raised")


def test_a_verdict_that_says_the_same_again_moves_nothing() -> None:
    assert len(events(shard(verdict(2), verdict(3), verdict(4, retest=False)))) == 1


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
    one = shard(order("Acknowledge", domain.alert_id(PARTITION, "failed_sample", "S9|pathogen", "1")))
    assert answer(one)[:2] == ("rejected", "alert_id")


@pytest.mark.parametrize("text", ["", "5-abc", "xx-abc", "05-", "nonsense"])
def test_what_is_no_alert_id_has_no_owner(text: str) -> None:
    assert domain.owner_of(text) is None


def test_an_alert_id_names_its_owner() -> None:
    assert domain.owner_of(domain.alert_id(11, "failed_sample", "S1|x", "1")) == 11


def test_every_state_and_command_is_in_the_table_or_rejected() -> None:
    fields = {
        "Acknowledge": {},
        "Assign": {"assignee": "李"},
        "Act": {"action": "下架"},
        "Verify": {"finding": "已下架"},
        "Close": {"reason": "完毕"},
        "Silence": {"until": "2026-05-01T00:00:00+08:00", "reason": "放假"},
        "Notified": {"sequence": 1, "receiver": "county", "channel": "wecom"},
    }
    # Redact moves no alert from state to state: tests/unit/test_redaction.py
    assert {*fields, "Redact"} == {contract.__name__ for contract in ALERT_COMMANDS.contracts}
    ways: dict[str, list[str]] = {
        "raised": [],
        "notified": ["Notified"],
        "acknowledged": ["Acknowledge"],
        "acted": ["Act"],
        "verified": ["Act", "Verify"],
        "closed": ["Close"],
        "cancelled": [],
    }
    assert set(ways) == set(get_args(AlertState))
    for state, way in ways.items():
        for kind, more in fields.items():
            one = shard(verdict(2))
            identity = events(one)[0].alert_id
            for number, step in enumerate(way):
                one.feed([order(step, identity, f"w{number}", **fields[step])])
            if state == "cancelled":
                one.feed([verdict(3, "pass")])
            assert events(one)[-1].state == state
            one.feed([order(kind, identity, "last", **more)])
            outcome, field, reason = answer(one)
            target = MOVES.get((state, kind))  # type: ignore[call-overload]
            assert events(one)[-1].state == (target or state)
            if target is None:
                assert (outcome, field) == ("rejected", "type")
                assert reason is not None and reason.endswith(f"the alert is {state}")
            else:
                assert outcome == "accepted"


def test_an_unanswered_alert_goes_from_township_to_county_to_city_and_no_further() -> None:
    one = shard(verdict(2, region="621002101", plan="risk_monitoring", measure="problem"))
    for hours in range(0, 24 * 30, 5):
        one.fire(NOW + hours * HOUR)
    told = [
        (alert.transition, alert.level, round(alert.changed_at.timestamp() * 1000 - NOW) / HOUR)
        for alert in events(one)
    ]
    assert told == [("raised", "township", 0), ("escalated", "county", 8), ("escalated", "city", 8 + 24)]
    assert one.redis.timers == {}
    assert {alert.state for alert in events(one)} == {"raised"}


@pytest.mark.parametrize(
    ("region", "levels"),
    [
        ("621002", ["county", "city"]),
        ("US-IL/Chicago", ["city"]),
        ("US-IL", ["city"]),
        ("A/B/C/D", ["township", "county", "city"]),
    ],
)
def test_levels_that_the_region_lacks_are_skipped(region: str, levels: list[str]) -> None:
    one = shard(verdict(2, region=region))
    one.fire(NOW + 30 * DAY)
    assert [alert.level for alert in events(one)] == levels


def test_an_acknowledgement_lapses_and_the_alert_escalates_again() -> None:
    one = shard(verdict(2))
    identity = events(one)[0].alert_id
    one.feed([order("Notified", identity, "n", sequence=1, receiver="county", channel="wecom")])
    one.feed([order("Acknowledge", identity, expires_at="2026-04-02T00:00:00+08:00")])
    one.fire(NOW + 3 * DAY)
    last = events(one)
    assert [(alert.transition, alert.state) for alert in last[2:]] == [
        ("acknowledged", "acknowledged"),
        ("ack_expired", "notified"),
        ("escalated", "notified"),
    ]
    assert last[3].changed_at.isoformat() == "2026-04-01T16:00:00+00:00", "when it lapsed, not when that was noticed"
    assert (last[3].acknowledged_by, last[3].level, last[4].level) == (None, "county", "city")
    assert last[3].reason == "王 acknowledged it, and nothing was done in time"


def test_what_is_acted_upon_waits_for_nobody() -> None:
    one = shard(verdict(2, plan="risk_monitoring", measure="problem"))
    identity = events(one)[0].alert_id
    one.feed([order("Acknowledge", identity)])
    one.feed([order("Act", identity, "c2", action="封存", step="sealed")])
    one.feed([order("Act", identity, "c3", action="召回", step="recalled")])
    assert one.redis.timers == {} and one.fire(NOW + 400 * DAY) == []
    assert events(one)[-1].steps == ("sealed", "recalled")


def test_an_acknowledgement_must_end_after_it_begins() -> None:
    one = shard(verdict(2))
    one.feed([order("Acknowledge", events(one)[0].alert_id, expires_at="2026-03-30T00:00:00+08:00")])
    assert answer(one)[:2] == ("rejected", "expires_at")


def test_a_command_that_came_before_the_timer_fired_counts() -> None:
    """Whether the timer or the command is taken first, the command's arrival decides."""
    due = NOW + DAY
    for arrived, expected in ((due - 1, ["raised", "acknowledged"]), (due, ["raised", "escalated", "acknowledged"])):
        one = shard(verdict(2))
        assert one.redis.timers == {events(one)[0].alert_id: due + GRACE}
        one.feed([order("Acknowledge", events(one)[0].alert_id, arrived=arrived)])
        assert [alert.transition for alert in events(one)] == expected


def test_the_first_message_delivered_makes_it_notified_and_further_ones_nothing() -> None:
    one = shard(verdict(2))
    identity = events(one)[0].alert_id
    for number in range(3):
        one.feed([order("Notified", identity, f"n{number}", sequence=1, receiver=f"r{number}", channel="mail")])
        assert answer(one)[0] == "accepted"
    assert [alert.state for alert in events(one)] == ["raised", "notified"]


def test_a_deadline_nears_passes_grows_graver_and_is_met() -> None:
    near = int(datetime(2026, 3, 26, 16, tzinfo=UTC).timestamp() * 1000)
    due = near + 5 * DAY
    one = shard(deadline(1, "near", near), deadline(2, "passed", due))
    for days in range(1, 60):
        one.fire(due + days * DAY)
    one.feed([deadline(3, "met", due + 60 * DAY, late=True, at="2026-05-30T00:00:00+08:00")])
    told = [
        (alert.state, alert.severity, alert.urgency)
        for alert in events(one)
        if alert.transition in ("raised", "updated", "closed")
    ]
    assert told == [
        ("raised", "Minor", "Future"),
        ("raised", "Moderate", "Immediate"),
        ("raised", "Severe", "Immediate"),
        ("raised", "Extreme", "Immediate"),
        ("closed", "Extreme", "Immediate"),
    ]
    last = events(one)[-1]
    assert last.reason == "done late, at 2026-05-30 00:00"
    assert last.deadline is not None and last.deadline.met_at is not None
    assert len({alert.alert_id for alert in events(one)}) == 1
    assert one.redis.timers == {}


def test_a_deadline_reckoned_anew_updates_its_alert() -> None:
    one = shard(deadline(1, "near", provisional=True), deadline(2, "near", due_at="2026-04-03T00:00:00+08:00"))
    first, second = events(one)
    assert (first.alert_id, second.transition) == (second.alert_id, "updated")
    assert "暂定" in first.headline.zh and "暂定" not in second.headline.zh
    assert first.certainty == "Likely"


ANEW = {
    "started_at": "2026-05-02T08:00:00+08:00",
    "due_at": "2026-06-01T00:00:00+08:00",
    "near_at": "2026-05-27T00:00:00+08:00",
}


@pytest.mark.parametrize("end", ["closed by people", "met", "void"])
def test_a_clock_that_began_anew_raises_an_alert_of_its_own(end: str) -> None:
    one = shard(deadline(3, "passed"))
    (first,) = events(one)
    if end == "closed by people":
        one.feed([order("Close", first.alert_id, reason="done")])
    else:
        one.feed([deadline(6, end)])
    one.feed([deadline(12, "near", **ANEW)])
    second = events(one)[-1]
    assert second.transition == "raised" and second.alert_id != first.alert_id
    one.feed([order("Close", second.alert_id, "c2", reason="done")])
    one.feed([deadline(14, "passed", **ANEW)])
    assert events(one)[-1].state == "closed", "that clock's alert has been closed"
    one.feed([deadline(23, "passed")])
    again = events(one)[-1]
    # back at the first start, as if nothing had come between
    if end == "void":
        assert (again.alert_id, again.transition) == (first.alert_id, "raised") and again.sequence > first.sequence
    else:
        assert again.alert_id == second.alert_id


def test_a_window_that_begins_anew_nears_again() -> None:
    window = {"deadline_id": "S1:food_retest_application", "rule": "food_retest_application", "kind": "window"}
    one = shard(deadline(2, "near", **window), deadline(4, "passed", **window), deadline(22, "near", **window, **ANEW))
    assert [alert.transition for alert in events(one)] == ["raised", "closed", "raised"]


def test_a_deadline_that_concerns_nobody_raises_nothing() -> None:
    assert events(shard(deadline(1, "met"))) == []
    assert events(shard(deadline(1, "void"))) == []
    assert events(shard(deadline(1, "passed", historic=True))) == []
    assert events(shard(deadline(1, "passed", kind="window"))) == []


def test_a_deadline_that_no_longer_runs_cancels() -> None:
    _, cancelled = events(shard(deadline(1, "near"), deadline(3, "void"), deadline(2, "passed")))
    assert (cancelled.state, cancelled.msg_type) == ("cancelled", "Cancel")


def test_a_window_that_ended_closes_its_warning() -> None:
    _, closed = events(shard(deadline(1, "near", kind="window"), deadline(2, "passed", kind="window")))
    assert closed.state == "closed"


def test_a_finding_raises_updates_closes_and_a_new_epoch_raises_another() -> None:
    one = shard(
        finding(1, "open"),
        finding(2, "open", severity="Severe"),
        finding(2, "over"),  # an old revision, late
        finding(3, "open", epoch="2026-04-02", severity="Severe"),  # the same occasion, found anew after a rebuild
        finding(4, "over"),
        finding(5, "open"),  # the same epoch: people have been told that it is over
        finding(6, "open", epoch="2026-05-01"),
        finding(7, "void", epoch="2026-05-01"),
    )
    told = [(alert.epoch, alert.transition, alert.severity) for alert in events(one)]
    assert told == [
        ("2026-04-01", "raised", "Moderate"),
        ("2026-04-01", "updated", "Severe"),
        ("2026-04-01", "closed", "Moderate"),
        ("2026-05-01", "raised", "Moderate"),
        ("2026-05-01", "cancelled", "Moderate"),
    ]


def test_a_failed_sample_that_nobody_acts_on_is_reminded_of_and_grows_graver() -> None:
    one = shard(verdict(2))
    identity = events(one)[0].alert_id
    one.feed([order("Acknowledge", identity, expires_at="2027-01-01T00:00:00+08:00")])
    for days in range(0, 140):
        one.fire(NOW + days * DAY)
    told = [
        (alert.changed_at.date().isoformat(), alert.severity, alert.deadline.phase)
        for alert in events(one)
        if alert.deadline
    ]
    assert told == [
        ("2026-06-17", "Severe", "near"),
        ("2026-07-01", "Severe", "passed"),
        ("2026-07-31", "Extreme", "passed"),
    ]
    assert events(one)[-1].urgency == "Immediate"
    one.feed([verdict(3, items=(LEAD | {"value": "1.2"},), at=NOW + 141 * DAY)])
    assert (events(one)[-1].transition, events(one)[-1].severity) == ("updated", "Extreme")
    one.feed([order("Act", identity, "c2", NOW + 142 * DAY, action="召回")])
    assert events(one)[-1].deadline is not None and events(one)[-1].deadline.phase == "passed", "not settled yet"
    one.feed([order("Verify", identity, "c3", NOW + 143 * DAY, finding="已召回")])
    met = events(one)[-1].deadline
    assert met is not None and (met.phase, met.late) == ("met", True)
    assert one.redis.timers == {}


@pytest.mark.parametrize(
    ("items", "taken_on", "done", "end"),
    [
        ((LEAD,), {"kind": "Act", "action": "sealed"}, {"kind": "Close", "reason": "done"}, [("closed", "met")]),
        ((SALMONELLA,), {"kind": "Acknowledge"}, {"kind": "Act", "action": "sealed"}, []),
    ],
)
def test_that_the_deadline_nears_or_has_passed_is_told_once(items: Any, taken_on: Any, done: Any, end: Any) -> None:
    one = shard(verdict(1, items=items))
    (raised,) = events(one)
    assert raised.act_by is not None
    due = int(raised.act_by.timestamp() * 1000)
    one.feed([order(alert_id=raised.alert_id, arrived=NOW + HOUR, **taken_on)])
    for moment in range(NOW, due + HOUR, HOUR):
        one.fire(moment)
    one.feed([order(alert_id=raised.alert_id, event_id="c2", arrived=due + HOUR, **done)])
    last = events(one)[-1].deadline
    assert last is not None and (last.phase, last.late) == ("met", True)
    told, heard = None, []
    for event in events(one):
        item = item_of(event, b"")
        if (news := news_of(item, told)) not in (None, "escalated"):
            heard.append((news, event.deadline and event.deadline.phase))
        told = told_of(item, 0) if news is not None else told
    assert heard == [("raised", None), ("updated", "near"), ("updated", "passed"), *end]


def test_an_urgent_one_is_met_by_acting_within_the_day() -> None:
    one = shard(verdict(2, items=(SALMONELLA,)))
    identity = events(one)[0].alert_id
    one.fire(NOW + 21 * HOUR)
    reminder = events(one)[-1]
    assert reminder.deadline is not None and reminder.deadline.phase == "near"
    assert reminder.reason == "the deadline for acting on it nears"
    one.feed([order("Act", identity, "c1", NOW + 22 * HOUR, action="下架")])
    met = events(one)[-1].deadline
    assert met is not None and (met.phase, met.late) == ("met", False)
    assert one.fire(NOW + 100 * DAY) == []


def test_the_history_has_every_transition() -> None:
    one = shard(verdict(2))
    identity = events(one)[0].alert_id
    one.feed([order("Acknowledge", identity, note="我去")])
    one.feed([verdict(3, "pass")])
    history = store.unpack_history(one.redis.hashes[store.histories_key(PARTITION)][identity])
    assert [(past.transition, past.by, past.reason) for past in history] == [
        ("acknowledged", "王", "我去"),
        ("cancelled", "samplewatch/alerts", "the verdict was overturned"),
    ]


_COMMANDS: list[dict[str, Any]] = [
    {"kind": "Acknowledge"},
    {"kind": "Acknowledge", "expires_at": "2026-04-20T00:00:00+08:00"},
    {"kind": "Assign", "assignee": "李"},
    {"kind": "Act", "action": "下架"},
    {"kind": "Verify", "finding": "好"},
    {"kind": "Close", "reason": "完"},
    {"kind": "Silence", "until": "2026-05-01T00:00:00+08:00", "reason": "假"},
    {"kind": "Notified", "sequence": 1, "receiver": "r", "channel": "c"},
]
_steps = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.one_of(
            st.sampled_from(_COMMANDS),
            st.sampled_from([{"verdict": "fail"}, {"verdict": "pass"}, {"verdict": None}, {"verdict": "other"}]),
            st.sampled_from([{"deadline": "near"}, {"deadline": "passed"}, {"deadline": "met"}, {"deadline": "void"}]),
            st.just({"sleep": True}),
        ),
    ),
    max_size=25,
)


def _records(steps: Sequence[tuple[int, dict[str, Any]]]) -> list[tuple[int, FakeRecord | None]]:
    """What arrives when; None: nothing but time."""
    now, made = NOW, []
    identity = domain.alert_id(PARTITION, "failed_sample", "S1|heavy_metal", "1")
    for number, (hours, step) in enumerate(steps, 1):
        now += hours * HOUR
        record: FakeRecord | None = None
        if "kind" in step:
            more = {name: value for name, value in step.items() if name != "kind"}
            record = order(step["kind"], identity, f"c{number}", now, **more)
        elif "verdict" in step:
            outcome = "fail" if step["verdict"] == "other" else step["verdict"]
            items = (LEAD | {"value": "1.2"},) if step["verdict"] == "other" else (LEAD,)
            record = verdict(number, outcome, items, now)
        elif "deadline" in step:
            record = deadline(number, step["deadline"], now)
        made.append((now, record))
    return made


def _run(records: Sequence[tuple[int, FakeRecord | None]], *, timers: bool) -> MemoryShard:
    one = MemoryShard(STAGE, PARTITION)
    for now, record in records:
        if timers:
            one.fire(now)
        if record is not None:
            one.feed([record])
    end = records[-1][0] + 365 * DAY if records else NOW
    one.fire(end)
    return one


@given(_steps)
def test_whatever_comes_in_whatever_order_the_life_of_an_alert_holds(steps: list[tuple[int, dict[str, Any]]]) -> None:
    records = _records(steps)
    live = _run(records, timers=True)
    by_alert: dict[str, list[AlertEvent]] = {}
    for event in events(live):
        by_alert.setdefault(event.alert_id, []).append(event)
    for told in by_alert.values():
        for before, after in pairwise(told):
            assert after.sequence > before.sequence
            assert after.changed_at >= before.changed_at
            if before.state in OVER:
                assert (before.state, after.transition) == ("cancelled", "raised")
    # the topic alone is enough to know how everything stands
    last = {message.key.decode(): message.value for message in live.of(ALERT_EVENTS.name) if message.key}
    kept = live.redis.hashes[store.alerts_key(PARTITION)]
    assert last == {identity: store.alert_message(packed, identity) for identity, packed in kept.items()}
    # a replay, in which timers fire only at the end, comes to the same history
    replayed = _run(records, timers=False)
    again: dict[str, list[AlertEvent]] = {}
    for event in events(replayed):
        again.setdefault(event.alert_id, []).append(event)
    assert again == by_alert
    assert replayed.redis.hashes[store.histories_key(PARTITION)] == live.redis.hashes[store.histories_key(PARTITION)]
