"""What names people is taken out of samples and alerts, and stays out; nothing else of them changes."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from schemas.alerts import AlertEvent, AlertState
from schemas.topics import ALERT_EVENTS
from services.alerts import store
from services.sampling.store import open_key
from tests.memory import MemoryShard
from tests.unit import test_alerts as alerts
from tests.unit import test_sampling as sampling
from tests.unit.test_deadlines_of_samples import PARTITION, Story
from tests.unit.test_sampling import RECEIVED, TAKEN, VOIDED, records

REDACTED = {
    "type": "SampleRedacted",
    "source": "operations",
    "event_id": "r1",
    "sample_id": "S1",
    "by": "ops-3",
    "at": "2026-03-05T08:00:00+08:00",
}


def redacted_shard() -> MemoryShard:
    one = sampling.shard()
    one.feed(records(TAKEN, {**RECEIVED, "condition": "甲 brought it"}, {**VOIDED, "reason": "甲 dropped it"}))
    one.feed(records(REDACTED, start=3))
    return one


def test_a_sample_no_longer_names_people_and_is_otherwise_as_it_was() -> None:
    one = redacted_shard()
    before, after = sampling.samples(one)
    assert sampling.answers(one) == [("accepted", None)] * 4
    assert (before.sampled_by, before.void_reason) == (("甲", "乙"), "甲 dropped it")
    assert after == before.model_copy(update={"sampled_by": (), "void_reason": "redacted", "revision": 4})


def test_what_was_redacted_does_not_come_back_by_being_sent_again() -> None:
    one = redacted_shard()
    again = [{**event, "event_id": f"again-{event['type']}"} for event in (TAKEN, REDACTED)]
    one.feed(records({**again[0]}, {**again[0], "event_id": "other", "product_name": "面粉"}, start=4))
    assert sampling.answers(one)[4:] == [("duplicate", None), ("rejected", "product_name")]
    one.feed(records(REDACTED, again[1], start=6))
    assert sampling.answers(one)[6:] == [("duplicate", "event_id"), ("accepted", None)]
    assert sampling.samples(one)[-1].sampled_by == ()


def test_a_sample_that_is_not_there_cannot_be_redacted() -> None:
    one = sampling.shard()
    one.feed(records(REDACTED))
    assert sampling.answers(one) == [("rejected", "sample_id")]


def test_a_deadline_that_nears_names_the_samplers_until_they_are_redacted() -> None:
    story = Story()
    story.taken("2026-03-02 09:00")
    assert story.at("2026-03-12 09:00")
    held = story.shard.redis.hashes[open_key(PARTITION)]
    before = {name: json.loads(value) for name, value in held.items()}
    assert [event.pop("sampled_by") for event in before.values()] == [["甲", "乙"]]
    story._event(REDACTED, "2026-03-12 10:00")
    after = {name: json.loads(value) for name, value in held.items()}
    assert [event.pop("sampled_by", []) for event in after.values()] == [[]]
    assert before == after


_WAYS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "raised": [("Assign", {"assignee": "李"}), ("Silence", {"until": "2026-05-01T00:00:00+08:00", "reason": "李病了"})],
    "notified": [("Notified", {"by": "samplewatch/alerts/delivery", "sequence": 1, "receiver": "d", "channel": "c"})],
    "acknowledged": [("Acknowledge", {"note": "李收到"})],
    "acted": [("Act", {"action": "李下架"})],
    "verified": [("Act", {"action": "李下架"}), ("Verify", {"finding": "李看过"})],
    "closed": [("Acknowledge", {}), ("Close", {"reason": "李完毕"})],
    "cancelled": [("Acknowledge", {"note": "李"})],
}


@pytest.mark.parametrize("state", get_args(AlertState))
def test_an_alert_no_longer_names_people_in_whatever_state_it_is(state: str) -> None:
    one = alerts.shard(alerts.verdict(2))
    identity = events(one)[0].alert_id
    for number, (kind, more) in enumerate(_WAYS[state]):
        one.feed([alerts.order(kind, identity, f"w{number}", **more)])
    if state == "cancelled":
        one.feed([alerts.verdict(3, "pass")])
    before = events(one)[-1]
    one.feed([alerts.order("Redact", identity, "r")])
    after = events(one)[-1]
    assert before.state == after.state == state
    assert after.sequence > before.sequence
    held = [str(store.unpack_history(one.redis.hashes[store.histories_key(alerts.PARTITION)][identity]))]
    kept = one.redis.hashes[store.alerts_key(alerts.PARTITION)][identity]
    held.append(store.alert_message(kept, identity).decode())
    assert not [name for name in ("李", "王") for text in held if name in text], held
    said_last = {"sequence", "event_id", "msg_type", "transition", "changed_at", "changed_by", "stated_at", "reason"}
    gone = said_last | {"acknowledged_by", "assignee", "silence_reason"}
    assert before.model_dump(exclude=gone) == after.model_dump(exclude=gone)
    assert (before.acknowledged_by is None) == (after.acknowledged_by is None)


def test_a_lapse_told_by_name_is_redacted_and_later_commands_are_not() -> None:
    one = alerts.shard(alerts.verdict(2))
    identity = events(one)[0].alert_id
    one.feed([alerts.order("Acknowledge", identity, "a", expires_at="2026-04-02T00:00:00+08:00")])
    one.fire(alerts.NOW + 2 * alerts.DAY)
    at = alerts.NOW + 3 * alerts.DAY
    one.feed([alerts.order("Redact", identity, "r", arrived=at)])
    one.feed([alerts.order("Assign", identity, "b", arrived=at, assignee="赵")])
    packed = one.redis.hashes[store.histories_key(alerts.PARTITION)][identity]
    history = store.unpack_history(packed)
    assert "王" not in str(history[:-1])
    assert (history[-1].by, events(one)[-1].assignee) == ("王", "赵")
    assert {past.transition for past in history} >= {"acknowledged", "ack_expired", "updated", "assigned"}


def test_a_redaction_that_comes_twice_is_a_duplicate() -> None:
    one = alerts.shard(alerts.verdict(2))
    identity = events(one)[0].alert_id
    for _ in range(2):
        one.feed([alerts.order("Redact", identity, "r")])
    assert alerts.answer(one)[:2] == ("duplicate", "event_id")
    assert len(events(one)) == 2


def events(of: MemoryShard) -> list[AlertEvent]:
    return [AlertEvent.model_validate_json(message.value or b"") for message in of.of(ALERT_EVENTS.name)]


TOLD: dict[str, list[dict[str, Any]]] = {
    "sampling.samples.v1": [
        {"type": "Sample", "sample_id": "S1", "sampled_by": ["张三"]},
        {"type": "Sample", "sample_id": "S2", "sampled_by": ["李四"]},
        {"type": "Sample", "sample_id": "S2", "sampled_by": []},
    ],
    "alerts.events.v1": [{"type": "AlertEvent", "alert_id": "A1"}, {"type": "AlertEvent", "alert_id": "A2"}],
    "alerts.commands.v1": [{"type": "Act", "alert_id": "A1", "by": "x", "action": "王五去过"}],
}


def redact(monkeypatch: pytest.MonkeyPatch, names: bytes) -> Any:
    from services.cli import redact_commands

    monkeypatch.setattr(redact_commands, "_bodies", lambda _, topic: iter(TOLD[topic]))
    monkeypatch.setenv("SAMPLEWATCH_KAFKA", "nowhere:9092")
    monkeypatch.delenv("SAMPLEWATCH_DIR", raising=False)
    return CliRunner().invoke(redact_commands.redact, ["-", "--by", "ops-3", "--dry-run"], input=names)


def test_the_first_name_of_a_file_that_starts_with_a_byte_order_mark_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    done = redact(monkeypatch, "\ufeff张三\r\n王五\r\n".encode())
    assert (done.exit_code, done.stdout, done.stderr) == (0, "samples: 1, alerts: 1\n", "")


def test_names_that_nothing_names_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    done = redact(monkeypatch, "张三\n李四\n赵六\n".encode())
    assert (done.stdout, done.stderr) == ("samples: 1, alerts: 0\n", "found nowhere: 李四, 赵六\n")


def test_names_in_another_encoding_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    done = redact(monkeypatch, "张三\n".encode("gb18030"))
    assert done.exit_code == 2 and "is not UTF-8" in done.stderr
