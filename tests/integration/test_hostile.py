"""Nothing that a producer sends ends a consumer, costs a good event, or goes without an answer."""

from __future__ import annotations

import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from kafka import KafkaProducer

from schemas.topics import ALERT_COMMANDS, DELTAS, LAB_RESULTS, RECEIPTS, SAMPLES, SAMPLING_EVENTS, VERDICTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.hostile import HUGE, REFUSED, TAKEN, Hostile, ascii_encoded, encoded, messages, pair, send, taken
from tests.system import WAIT_S, Place, Raw, System, unique

PAIRS = 5_000
HOSTILE = 2_000
SEED = 20261124


def place_of(record: Any) -> Place:
    """Where a dead letter says that its message lay."""
    why = dict(record.headers)
    return Place(why["dlq_topic"].decode(), int(why["dlq_partition"]), int(why["dlq_offset"]))


def letters(system: System, topics: Iterable[str]) -> dict[Place, list[Any]]:
    """The dead letters of the topics by their messages' places."""
    found = defaultdict(list)
    for topic in topics:
        for record in system.records(f"{topic}.dlq"):
            found[place_of(record)].append(record)
    return found


def receipts(system: System) -> dict[Place, list[dict[str, Any]]]:
    """All receipts by the places of what they answer."""
    found = defaultdict(list)
    for receipt in system.messages(RECEIPTS.name):
        found[Place(receipt["topic"], receipt["partition"], receipt["offset"])].append(receipt)
    return found


def counts(system: System, region: str) -> tuple[int, int]:
    """What is counted in the region: passed, failed."""
    rows = system.rates(cut="province", cell=region)
    return sum(row["pass"] for row in rows), sum(row["fail"] for row in rows)


@pytest.fixture
def unharmed(module_system: System) -> Iterator[System]:
    """The system, of which every service has to be ready afterwards, as the process that it was before."""
    before = {name: service.pid for name, service in module_system.services.items()}
    yield module_system
    assert {name: service.pid for name, service in module_system.services.items()} == before, module_system.logs()
    module_system.eventually(
        lambda: all(service["ready"] for service in module_system.status()["services"].values()), "all are ready"
    )


def check_refusal(hostile: Hostile, place: Place, letters: list[Any], receipts: list[dict[str, Any]]) -> None:
    """One dead letter with the message's own key and value, and one receipt where it names a source."""
    assert len(letters) == 1, (hostile.kind, place, len(letters))
    why = dict(letters[0].headers)
    assert why["dlq_field"].decode() == hostile.field, hostile.kind
    assert why["dlq_reason"], hostile.kind
    assert (letters[0].key, letters[0].value) == (hostile.raw.key, hostile.raw.value), hostile.kind
    said = [(receipt["outcome"], receipt["source"], receipt["field"], bool(receipt["reason"])) for receipt in receipts]
    assert said == ([("rejected", hostile.source, hostile.field, True)] if hostile.source else []), hostile.kind


def test_2000_hostile_messages_among_10000_good_ones(unharmed: System) -> None:
    system, region = unharmed, unique("R")
    kinds = [make for make in REFUSED.values() if make(0).raw.topic in (SAMPLING_EVENTS.name, LAB_RESULTS.name)]
    huge = messages(HUGE.values(), 6)
    hostile = [*messages(kinds, HOSTILE - len(huge)), *huge]
    assert len({message.kind for message in hostile}) >= 40
    good = [raw for n in range(PAIRS) for raw in pair(region, n, failing=n % 7 == 0)]
    sent: list[Hostile | Raw] = [*hostile, *good]
    random.Random(SEED).shuffle(sent)

    places = send(system, (message.raw if isinstance(message, Hostile) else message for message in sent))
    system.wait_idle()

    fails = (PAIRS + 6) // 7
    assert counts(system, region) == (PAIRS - fails, fails)
    answers = receipts(system)
    refused = letters(system, (SAMPLING_EVENTS.name, LAB_RESULTS.name))
    assert sum(map(len, refused.values())) == HOSTILE
    for message, place in zip(sent, places, strict=True):
        if isinstance(message, Hostile):
            check_refusal(message, place, refused[place], answers[place])
        else:
            assert [receipt["outcome"] for receipt in answers[place]] in (["accepted"], ["parked"]), place
            assert place not in refused


def test_odd_messages_that_nothing_forbids_are_counted(unharmed: System) -> None:
    system = unharmed
    odd = messages(TAKEN.values(), 2 * len(TAKEN))
    places = send(system, (message.raw for message in odd))
    system.wait_idle()
    answers = receipts(system)
    outcomes = {message.kind: [r["outcome"] for r in answers[at]] for message, at in zip(odd, places, strict=True)}
    assert outcomes == {kind: ["accepted"] for kind in TAKEN}


def test_rates_are_right_whatever_is_in_a_name(unharmed: System) -> None:
    system = unharmed
    names = [
        "a|b",
        "a × b",
        "*",
        "[a-z]?",
        "a:b",
        "{0}",
        "'; DROP TABLE x;--",
        "<b>",
        "\x00",
        "🍜",
        "\u202eab",
        "é",
        "e\u0301",
    ]
    region, sent = unique("R"), []
    for place, name in enumerate(names):
        for n in range(place + 1):
            sent += pair(region, place * 100 + n, failing=n == 0, category=[name], producer={"name": name})
    system.produce(sent)
    system.wait_idle()
    expected = [(place, 1) for place in range(len(names))]
    # in a category the signs that join levels and values are escaped
    escaped = [name.replace("\\", "\\\\").replace(">", "\\>").replace("×", "\\×") for name in names]
    cells = {"category_1": escaped, "producer": names, "stage_category": [f"circulation × {name}" for name in escaped]}
    for cut, of_cut in cells.items():
        found = [system.rates(cut=cut, cell=cell, domain="food", plan="supervision") for cell in of_cut]
        assert [(row["pass"], row["fail"]) for (row,) in found] == expected, cut


# inner topics

GARBAGE = {
    "not_json": b"garbage",
    "null": b"null",
    "number": b"1",
    "array": b"[]",
    "empty_object": b"{}",
    "empty": b"",
    "not_utf8": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "surrogate": ascii_encoded({"sample_id": "\ud800", "cell": "\ud800"}),
    "another_contract": encoded(taken("inner", 1)),
    "wrong_types": encoded({"sample_id": 1, "revision": "x", "cell": 2, "days": {}}),
    "nan": b'{"revision": NaN, "version": Infinity}',
}


@pytest.mark.parametrize("topic", [SAMPLES, VERDICTS, DELTAS], ids=lambda topic: topic.name)
def test_garbage_on_an_inner_topic_lies_in_its_dead_letters(unharmed: System, topic: Any) -> None:
    system, region = unharmed, unique("R")
    keys = [b"k%d" % number for number in range(12)]
    garbage = [Raw(topic.name, key, value, [("h", b"\xff")]) for value in GARBAGE.values() for key in keys]
    # sampling, alerts and hotspots all read verdicts, and each says what it cannot take
    readers = 3 if topic is VERDICTS else 1
    places = system.produce(garbage)
    tombstones = system.produce([Raw(topic.name, key, None) for key in keys])
    system.produce(raw for n in range(24) for raw in pair(region, n))
    system.wait_idle()
    assert counts(system, region) == (24, 0)
    found = letters(system, [topic.name])
    for raw, place in zip(garbage, places, strict=True):
        services = [dict(letter.headers)["dlq_service"] for letter in found[place]]
        assert len(services) == len(set(services)) == readers
        assert {(letter.key, letter.value) for letter in found[place]} == {(raw.key, raw.value)}
    assert not [place for place in tombstones if place in found]


# commands


def test_hostile_commands_are_refused_and_answered(unharmed: System) -> None:
    system = unharmed
    kinds = [make for make in REFUSED.values() if make(0).raw.topic == ALERT_COMMANDS.name]
    commands = messages(kinds, 8 * len(kinds))
    places = system.produce(command.raw for command in commands)
    system.wait_idle()
    answers = receipts(system)
    # an alert's id says which partition owns it: a command that lay elsewhere is forwarded, and refused there
    by_content = Counter((record.key, record.value) for record in system.records(f"{ALERT_COMMANDS.name}.dlq"))
    assert by_content == Counter((command.raw.key, command.raw.value) for command in commands)
    for command, place in zip(commands, places, strict=True):
        said = [(receipt["outcome"], receipt["source"], receipt["field"]) for receipt in answers[place]]
        assert said == ([("rejected", command.source, command.field)] if command.source else []), command.kind


def test_what_was_larger_than_any_topic_takes_before_it_was_compressed_is_answered(unharmed: System) -> None:
    system, name = unharmed, unique("bomb")
    headers = [("ce_type", b"SampleTaken"), ("ce_source", b"/bombs"), ("ce_id", name.encode())]
    value = b"0" * (40 * 1024 * 1024)
    with contextlib.closing(
        KafkaProducer(bootstrap_servers=system.bootstrap, compression_type="zstd", max_request_size=2 * len(value))
    ) as producer:
        at = producer.send(SAMPLING_EVENTS.name, value, name.encode(), headers).get(timeout=WAIT_S)
    system.wait_idle()
    place = Place(at.topic, at.partition, at.offset)
    (letter,) = letters(system, [SAMPLING_EVENTS.name])[place]
    assert int(dict(letter.headers)["dlq_cut_from"]) > len(value)
    assert value.startswith(letter.value)
    assert [receipt["outcome"] for receipt in receipts(system)[place]] == ["rejected"]
    assert home_of(name.encode(), PARTITIONS) == at.partition
