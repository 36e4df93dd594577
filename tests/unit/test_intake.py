"""The intake over the whole catalogue of hostile messages, and over arbitrary bytes: nothing raises."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.alerts import ALERT_COMMAND, AlertEvent
from schemas.qualification import Delta
from schemas.receipts import Receipt
from schemas.results import RESULT_EVENT
from schemas.sampling import SAMPLING_EVENT, Sample
from schemas.structs import mirror
from schemas.topics import ALERT_COMMANDS, DELTAS, LAB_RESULTS, MAX_MESSAGE_BYTES, RECEIPTS, SAMPLING_EVENTS, VERDICTS
from schemas.verdicts import Verdict
from services.alerts.domain import owner_of
from services.alerts.stage import AlertsStage
from services.lab_results.counts import Tally
from services.lab_results.domain import EMPTY, SampleFacts, VerdictFacts, register
from services.lab_results.facts import facts_of, screen
from services.lab_results.rates_stage import RatesStage
from services.lab_results.stage import LabStage
from services.runtime.answers import ACCEPTED, Answer, rejected
from services.runtime.blocks import Held, place_of
from services.runtime.intake import ORIGIN, Input, Intake, Misrouted, Reading, Refused, Taken, fold_intake
from services.runtime.messages import Message
from services.runtime.partitioning import home_of, homes_of
from services.runtime.settings import PARTITIONS
from services.runtime.stage import Changes
from services.sampling.stage import SamplingStage
from tests.hostile import HUGE, REFUSED, TAKEN, Make, ascii_encoded, encoded, reported, sample_id, taken
from tests.memory import FakeRedis
from tests.system import Raw

NOW = 1_790_000_000_000
Headers = Sequence[tuple[str, bytes | None]]


def owners(keys: Sequence[bytes]) -> list[int]:
    found = [owner_of(key.decode(errors="replace")) for key in keys]
    return [owner if owner is not None and owner < PARTITIONS else -1 for owner in found]


INTAKES = {
    SAMPLING_EVENTS.name: Intake(SAMPLING_EVENTS, "sampling", Reading(SAMPLING_EVENT)),
    LAB_RESULTS.name: Intake(LAB_RESULTS, "lab_results", Reading(RESULT_EVENT, screen=screen, facts=facts_of)),
    ALERT_COMMANDS.name: Intake(ALERT_COMMANDS, "alerts", Reading(ALERT_COMMAND, homes=owners)),
}


@dataclass(frozen=True)
class Fetched:
    """A record as aiokafka gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = NOW


def fetched(raw: Raw, partition: int | None = None, offset: int = 7) -> Fetched:
    """As it arrives in the partition that owns the key, or in another."""
    if partition is None:
        key = raw.key or b""
        partition = max(0, owners([key])[0]) if raw.topic == ALERT_COMMANDS.name else home_of(key, PARTITIONS)
    return Fetched(
        raw.topic, partition, offset, raw.key, raw.value, [(str(name), value) for name, value in raw.headers]
    )


def no_alert(item: Taken) -> Answer:
    if item.record.topic == ALERT_COMMANDS.name:
        return rejected("alert_id", "there is no such alert")
    return ACCEPTED


def answered(record: Fetched) -> tuple[Input, list[Receipt], list[Message]]:
    """What a record is read as, its receipts and its dead letters."""
    intake = INTAKES[record.topic]
    (read,) = intake.decode([record])  # type: ignore[list-item]
    changes = Changes()
    fold_intake(intake, changes, [read], no_alert)
    receipts = [Receipt.model_validate_json(m.value or b"", strict=False) for m in changes.messages if is_receipt(m)]
    return read, receipts, [message for message in changes.messages if not is_receipt(message)]


def is_receipt(message: Message) -> bool:
    return message.topic == RECEIPTS.name


@pytest.mark.parametrize("make", [*REFUSED.values(), *HUGE.values()], ids=[*REFUSED, *HUGE])
@pytest.mark.parametrize("n", [0, 5])
def test_a_hostile_message_is_refused_and_answered(make: Make, n: int) -> None:
    hostile = make(n)
    record = fetched(hostile.raw)
    _, receipts, letters = answered(record)
    (letter,) = letters
    why = dict(letter.headers)
    assert why["dlq_field"].decode() == hostile.field
    assert why["dlq_reason"]
    assert (why["dlq_topic"].decode(), why["dlq_partition"], why["dlq_offset"]) == (
        record.topic,
        b"%d" % record.partition,
        b"7",
    )
    assert letter.topic == f"{record.topic}.dlq"
    assert (letter.key, letter.value) == (record.key, record.value)
    assert list(letter.headers[: len(record.headers)]) == list(record.headers)
    assert [receipt.source for receipt in receipts] == ([hostile.source] if hostile.source else [])
    for receipt in receipts:
        assert (receipt.outcome, receipt.field) == ("rejected", hostile.field)
        assert receipt.reason == why["dlq_reason"].decode()
        assert (receipt.topic, receipt.partition, receipt.offset) == (record.topic, record.partition, 7)


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_an_odd_message_that_nothing_forbids_is_taken(make: Make) -> None:
    record = fetched(make(3).raw)
    read, (receipt,), letters = answered(record)
    assert isinstance(read, Taken)
    assert not letters
    assert (receipt.outcome, receipt.source, receipt.sample_id) == ("accepted", make(3).source, read.event.sample_id)
    assert (receipt.partition, receipt.offset) == (record.partition, 7)


def test_the_catalogue_is_large_enough() -> None:
    assert len(REFUSED) >= 40


def test_one_bad_message_harms_no_other_in_its_batch() -> None:
    for topic, intake in INTAKES.items():
        mixed = [
            make(n).raw for n in range(2) for make in (*REFUSED.values(), *TAKEN.values()) if make(n).raw.topic == topic
        ]
        records = [fetched(raw, offset=offset) for offset, raw in enumerate(mixed)]
        read = intake.decode(records)  # type: ignore[arg-type]
        alone = [intake.decode([record])[0] for record in records]  # type: ignore[list-item]
        assert [(type(item), item.record.offset) for item in read] == [
            (type(item), item.record.offset) for item in alone
        ]


# forwarding


_TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("name", ["ce_traceparent", "traceparent"])
@pytest.mark.parametrize(
    ("content", "kept"), [(_TRACE, True), (b"00-xyz", False), (_TRACE + b"\n", False), (None, False)]
)
def test_a_refusal_carries_the_trace_of_who_sent_it(name: str, content: bytes | None, kept: bool) -> None:
    record = replace(fetched(TAKEN["emoji"](1).raw), value=b"{", headers=[("ce_source", b"/lims"), (name, content)])
    intake, changes = INTAKES[record.topic], Changes()
    fold_intake(intake, changes, intake.decode([record]), no_alert)  # type: ignore[list-item]
    letter, receipt = changes.messages
    assert ("ce_traceparent", _TRACE) in receipt.headers if kept else "traceparent" not in str(receipt.headers)
    assert (name, content) in letter.headers


def misplaced(n: int = 1, headers: Headers = ()) -> Fetched:
    raw = Raw(SAMPLING_EVENTS.name, sample_id("far", n).encode(), encoded(taken("far", n)), headers)  # type: ignore[arg-type]
    return fetched(raw, (home_of(raw.key or b"", PARTITIONS) + 1) % PARTITIONS)


@pytest.mark.parametrize("headers", [(), ((ORIGIN, b"3-99"),), ((ORIGIN, b"nonsense"),)])
def test_a_stray_is_forwarded_once_and_answered_for_where_it_came_in(headers: Headers) -> None:
    stray = misplaced(headers=headers)
    read, receipts, (forwarded,) = answered(stray)
    assert isinstance(read, Misrouted)
    assert not receipts
    assert forwarded.topic == stray.topic
    home = Fetched(stray.topic, forwarded.partition, 41, forwarded.key, forwarded.value, forwarded.headers)
    read, (receipt,), letters = answered(home)
    assert isinstance(read, Taken)
    assert not letters
    assert (receipt.partition, receipt.offset) == (stray.partition, stray.offset)


def test_a_stray_of_large_headers_is_refused_rather_than_sent_on() -> None:
    read, (receipt,), letters = answered(misplaced(headers=[("x", b"x" * 3_000_000)]))
    assert isinstance(read, Refused)
    assert receipt.field == "headers"
    assert letters[0].topic.endswith(".dlq")


@pytest.mark.parametrize("alert_id", ["alert 17", "99-00", "-1", "x", "00-"])
def test_a_command_for_what_is_no_alert_is_answered_where_it_lies(alert_id: str) -> None:
    body = {"type": "Act", "source": "/s", "event_id": "e", "alert_id": alert_id, "by": "x", "action": "y"}
    raw = Raw(ALERT_COMMANDS.name, alert_id.encode(), encoded({**body, "at": "2026-03-01T10:00:00Z"}))
    _, (receipt,), _ = answered(fetched(raw, 11))
    assert (receipt.field, receipt.partition) == ("alert_id", 11)


# sizes


def test_a_value_that_was_larger_than_any_topic_takes_is_cut_in_its_dead_letter() -> None:
    value = b"0" * (MAX_MESSAGE_BYTES + 1)
    _, _, (letter,) = answered(Fetched(SAMPLING_EVENTS.name, 0, 7, b"S1", value, [("h", b"x")]))
    why = dict(letter.headers)
    assert int(why["dlq_cut_from"]) == len(value) + 4
    assert letter.key == b"S1"
    assert value.startswith(letter.value or b"-")
    assert sum(len(name) + len(text) for name, text in letter.headers) + len(letter.value or b"") < MAX_MESSAGE_BYTES


@pytest.mark.parametrize("kind", ["type_of_100_kb", "header_type_of_100_kb"])
def test_a_reason_that_quotes_the_message_stays_short(kind: str) -> None:
    _, (receipt,), (letter,) = answered(fetched(REFUSED[kind](0).raw))
    assert len(receipt.reason or "") < 1000
    assert len(dict(letter.headers)["dlq_reason"]) < 4000


def test_what_never_was_sent_on_is_answered_where_it_lies_whatever_it_says() -> None:
    origin = [(ORIGIN, b"4-77")]
    # nothing is sent on but to the partition that owns its key, or without a key
    nowhere = Raw(ALERT_COMMANDS.name, b"no alert's id", b"{}", origin)  # type: ignore[arg-type]
    strays = [fetched(Raw(LAB_RESULTS.name, b"S1", b"{}", origin), (home_of(b"S1", PARTITIONS) + 1) % PARTITIONS)]  # type: ignore[arg-type]
    for record in (*strays, replace(strays[0], key=None), fetched(nowhere)):
        named = replace(record, headers=[*record.headers, ("ce_source", b"/x"), ("ce_id", b"e")])
        _, (receipt,), _ = answered(named)
        assert (receipt.partition, receipt.offset) == (record.partition, record.offset)
        assert receipt.receipt_id == f"{record.topic}-{record.partition}-{record.offset}"


# arbitrary bytes

_names = st.sampled_from(["ce_type", "ce_source", "ce_id", "ce_specversion", "content-type", "sw_origin", "dlq_x"])
_contents = st.none() | st.binary(max_size=30) | st.sampled_from([b"SampleTaken", b"application/cloudevents+json"])
_headers = st.lists(st.tuples(_names | st.text(st.characters(codec="utf-8"), max_size=8), _contents), max_size=6)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
#: A good event in which some fields, often those that count, hold anything.
_bodies = st.dictionaries(st.sampled_from([*taken("x", 0), "quantity", "producer", "specversion", "data"]), _json).map(
    lambda more: {**taken("x", 0), **more}
)
_values = st.none() | st.binary(max_size=100) | st.one_of(_json, _bodies).map(ascii_encoded)


def _answered_in_full(record: Fetched) -> None:
    read, receipts, others = answered(record)
    assert len(others) == (0 if isinstance(read, Taken) and record.topic != ALERT_COMMANDS.name else 1)
    assert len(receipts) <= 1
    for message in others:
        for name, content in message.headers:
            assert name.encode() is not None
            assert content is None or isinstance(content, bytes)


@settings(max_examples=400)
@given(st.sampled_from(list(INTAKES)), st.none() | st.binary(max_size=30), _values, _headers)
def test_no_bytes_raise(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
    _answered_in_full(Fetched(topic, 3, 7, key, value, headers))


@settings(max_examples=400)
@given(_bodies, _headers)
def test_no_body_raises(body: dict[str, object], headers: Headers) -> None:
    name = body["sample_id"]
    key = name.encode(errors="replace") if isinstance(name, str) else b"S1"
    _answered_in_full(Fetched(SAMPLING_EVENTS.name, home_of(key, PARTITIONS), 7, key, ascii_encoded(body), headers))


# partitioning


@given(st.lists(st.binary(max_size=40), max_size=40), st.integers(1, 50))
def test_homes_are_those_of_the_java_client(keys: list[bytes], partitions: int) -> None:
    expected = [(murmur2(key) & 0x7FFFFFFF) % partitions for key in keys]
    assert homes_of(keys, partitions) == expected
    assert [home_of(key, partitions) for key in keys] == expected


def test_many_keys_of_one_length_and_one_long_key_have_their_homes() -> None:
    keys = [b"%05d" % number for number in range(1000)] + [b"k" * 10_000, b""]
    assert homes_of(keys, 12) == [home_of(key, 12) for key in keys]
    assert set(homes_of(keys, 12)) == set(range(12))


# what once ended a service or lost an event

_ITEM = {"item": "铅", "value": "9", "limit": "0.2", "verdict": "fail"}


def verdict(**more: object) -> dict[str, object]:
    about = {name: taken("v", 1)[name] for name in ("sample_id", "domain", "plan", "category", "product_name")}
    about |= {name: taken("v", 1)[name] for name in ("region", "stage", "sampled_at")}
    standing = {"status": "concluded", "outcome": "fail", "measure": "qualification", "counted_on": "2026-03-05"}
    return {**about, **standing, "revision": 2, "items": 1, "targeting": "routine", "source": "/x", **more}


def inner(topic: str, body: object, key: bytes = b"k", timestamp: int = NOW) -> Fetched:
    return Fetched(topic, 3, 7, key, encoded(body), (), timestamp)


def test_a_verdict_of_a_huge_revision_ends_nothing() -> None:
    stage = SamplingStage()
    inputs = stage.decode([inner(VERDICTS.name, verdict(revision=10**30))])  # type: ignore[list-item]
    assert [message.topic for message in stage.fold({}, 3, inputs, 1).messages] == [f"{VERDICTS.name}.dlq"]


@pytest.mark.parametrize("cell", ["abcdefghij", "a|b|c|d", "food|supervision|city|"])
def test_a_delta_for_what_is_no_cell_ends_nothing(cell: str) -> None:
    delta = {"cell": cell, "partition": 1, "version": 1, "days": []}
    (read,) = RatesStage().decode([inner(DELTAS.name, delta)])  # type: ignore[list-item]
    assert isinstance(read, Refused)


@pytest.mark.parametrize("timestamp", [-(10**15), 10**16, -(2**63)])
def test_a_record_of_an_impossible_timestamp_ends_nothing(timestamp: int) -> None:
    stage = RatesStage()
    inputs = stage.decode([inner(DELTAS.name, "garbage", timestamp=timestamp)])  # type: ignore[list-item]
    assert [message.topic for message in stage.fold({}, 3, inputs, 1).messages] == [f"{DELTAS.name}.dlq"]


def test_an_alert_of_many_items_can_be_read_back() -> None:
    items = [{**_ITEM, "item": f"{'长' * 60}{number}"} for number in range(200)]
    stage = AlertsStage()
    inputs = stage.decode([inner(VERDICTS.name, verdict(failed_items=items, items=200))])  # type: ignore[list-item]
    state = asyncio.run(stage.load(FakeRedis(), 3, inputs))  # type: ignore[arg-type]
    (message,) = stage.fold(state, 3, inputs, 1).messages
    assert len(AlertEvent.model_validate_json(message.value or b"").items) == 200


def test_a_result_that_cannot_be_processed_leaves_no_trace() -> None:
    stage, topic = LabStage(), LAB_RESULTS.name
    sample = {**taken("p", 1), "revision": 1, "status": "taken"}
    key = sample_id("p", 1).encode()
    known = {key.decode(): register(EMPTY, mirror(Sample.model_validate_json(encoded(sample)), SampleFacts))}
    bad = reported("p", 1, source="synthetic:x", issued_at="9999-12-31T23:59:59-14:00")
    good = reported("p", 1, event_id="good", report_no="R2")
    records = [
        Fetched(topic, home_of(key, PARTITIONS), 7 + number, key, encoded(body))
        for number, body in enumerate((bad, good))
    ]
    state = Held(known, {place_of(key.decode())[0]: {}})
    changes = stage.fold(state, records[0].partition, stage.decode(records), 1)  # type: ignore[arg-type]
    receipts = [Receipt.model_validate_json(m.value or b"") for m in changes.messages if is_receipt(m)]
    assert [receipt.outcome for receipt in receipts] == ["rejected", "accepted"]
    assert receipts[0].field == "issued_at"


def test_a_delta_of_the_longest_category_can_be_read_back() -> None:
    body = Verdict.model_validate_json(encoded(verdict(category=["长" * 500] * 4)))
    tally = Tally()
    tally.move(None, mirror(body, VerdictFacts))
    for group, cells in tally.increments().items():
        for value in cells:
            TypeAdapter(Delta).validate_python({"cell": f"{group}|{value}", "partition": 1, "version": 1, "days": []})


def test_true_is_no_number() -> None:
    _, receipts, _ = answered(
        fetched(Raw(LAB_RESULTS.name, sample_id("t", 1).encode(), encoded(reported("t", 1, revision=True))))
    )
    assert receipts[0].field == "revision"
