"""The sampling stage: each sample's life, its answers, and the samples it publishes."""

from __future__ import annotations

import json
from typing import Any

from schemas.receipts import Receipt
from schemas.sampling import Sample
from schemas.topics import RECEIPTS, SAMPLES, SAMPLING_EVENTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.sampling.stage import SamplingStage
from services.sampling.store import load_lives
from tests.memory import FakeRecord, MemoryShard

PARTITION = home_of(b"S1", PARTITIONS)
TAKEN = {
    "type": "SampleTaken",
    "source": "inspectors",
    "event_id": "e1",
    "sample_id": "S1",
    "domain": "food",
    "plan": "supervision",
    "category": ["粮食加工品"],
    "product_name": "大米",
    "region": "621002",
    "stage": "circulation",
    "sampled_at": "2026-03-01T08:00:00+08:00",
    "sampled_by": ["甲", "乙"],
}
RECEIVED = {
    "type": "SampleReceived",
    "source": "lab",
    "event_id": "e2",
    "sample_id": "S1",
    "lab_id": "L1",
    "received_at": "2026-03-02T08:00:00+08:00",
}
VOIDED = {
    "type": "SampleVoided",
    "source": "inspectors",
    "event_id": "e3",
    "sample_id": "S1",
    "voided_at": "2026-03-03T08:00:00+08:00",
    "reason": "spoilt",
}


def shard() -> MemoryShard:
    return MemoryShard(SamplingStage(), PARTITION)


def records(*events: dict[str, Any], start: int = 0) -> list[FakeRecord]:
    return [
        FakeRecord(SAMPLING_EVENTS.name, start + place, b"S1", json.dumps(event).encode(), partition=PARTITION)
        for place, event in enumerate(events)
    ]


def answers(of: MemoryShard) -> list[tuple[str, str | None]]:
    receipts = [Receipt.model_validate_json(message.value) for message in of.of(RECEIPTS.name)]
    return [(receipt.outcome, receipt.field) for receipt in receipts]


def samples(of: MemoryShard) -> list[Sample]:
    return [Sample.model_validate_json(message.value) for message in of.of(SAMPLES.name)]


def test_a_life_in_order() -> None:
    one = shard()
    one.feed(records(TAKEN))
    one.feed(records(RECEIVED, VOIDED, start=1))
    assert answers(one) == [("accepted", None)] * 3
    assert [(sample.status, sample.revision) for sample in samples(one)] == [("taken", 1), ("voided", 3)]
    assert samples(one)[-1].lab_id == "L1"


def test_what_comes_before_the_sample_is_parked_and_counts_when_it_comes() -> None:
    one = shard()
    one.feed(records(VOIDED, RECEIVED, TAKEN))
    assert answers(one) == [("parked", "sample_id"), ("parked", "sample_id"), ("accepted", None)]
    (sample,) = samples(one)
    assert (sample.status, sample.revision) == ("voided", 3)


def test_repeats_change_nothing() -> None:
    one = shard()
    one.feed(records(TAKEN))
    one.feed(records(TAKEN, TAKEN | {"event_id": "other"}, start=1))
    assert answers(one) == [("accepted", None), ("duplicate", "event_id"), ("duplicate", None)]
    assert len(samples(one)) == 1


def test_a_contradiction_is_rejected_by_its_field_and_kept_as_a_dead_letter() -> None:
    one = shard()
    one.feed(records(TAKEN, TAKEN | {"event_id": "e9", "region": "621021"}))
    assert answers(one) == [("accepted", None), ("rejected", "region")]
    (letter,) = one.of(SAMPLING_EVENTS.dead_letters)
    assert dict(letter.headers)["dlq_field"] == b"region"
    assert json.loads(letter.value or b"")["event_id"] == "e9"


async def _life(one: MemoryShard) -> Any:
    return (await load_lives(one.redis, PARTITION, ["S1"]))["S1"]  # type: ignore[arg-type]


def test_the_history_refers_to_each_record_once() -> None:
    import asyncio

    one = shard()
    one.feed(records(TAKEN, RECEIVED, TAKEN))
    life = asyncio.run(_life(one))
    assert [(reference.kind, reference.offset) for reference in life.history] == [("event", 0), ("event", 1)]


def test_a_stray_is_forwarded_to_its_own_partition() -> None:
    one = MemoryShard(SamplingStage(), (PARTITION + 1) % PARTITIONS)
    (record,) = records(TAKEN)
    moved = FakeRecord(record.topic, 7, record.key, record.value, partition=one.partition)
    one.feed([moved])
    (message,) = one.messages
    assert (message.topic, message.partition, message.value) == (SAMPLING_EVENTS.name, PARTITION, record.value)
    assert dict(message.headers)["sw_origin"] == f"{one.partition}-7".encode()
