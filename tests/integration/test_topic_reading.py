"""Reading a topic to its end: from where, up to where, and with what in its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from services.cli.dead_letters import read_letter, read_letters
from services.runtime.topic_reading import (
    NoSuchTopic,
    offsets_since,
    partitions_of,
    reading_consumer,
    records_to_end,
)
from tests.system import System, unique


class Topic:
    """A topic of three partitions, and what the tests do with it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap, self.name = bootstrap, unique("reading")
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
            admin.create_topics([NewTopic(self.name, 3, 1)])
        self.places = [TopicPartition(self.name, number) for number in range(3)]

    def write(self, partition: int, *values: bytes, at: int | None = None) -> None:
        with closing(KafkaProducer(bootstrap_servers=self.bootstrap, acks="all")) as producer:
            for value in values:
                producer.send(self.name, value, partition=partition, timestamp_ms=at)

    def delete_before(self, partition: int, offset: int) -> None:
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            admin.delete_records({self.places[partition]: offset})


@pytest.fixture
def topic(embedded_system: System) -> Topic:
    return Topic(embedded_system.bootstrap)


@pytest.fixture
def consumer(embedded_system: System) -> Iterator[KafkaConsumer]:
    with closing(reading_consumer(embedded_system.bootstrap, "samplewatch-test")) as consumer:
        yield consumer


def read(consumer: KafkaConsumer, starts: dict[TopicPartition, int], before: int | None = None) -> list[list[bytes]]:
    """The values of each partition, in the order in which they came."""
    found = {number: list[bytes]() for number in range(3)}
    for record in records_to_end(consumer, starts, before):
        found[record.partition].append(record.value)
    return list(found.values())


def everything(consumer: KafkaConsumer, topic: Topic) -> list[list[bytes]]:
    return read(consumer, offsets_since(consumer, partitions_of(consumer, topic.name)))


def test_each_partition_is_read_in_its_order_as_often_as_asked(topic: Topic, consumer: KafkaConsumer) -> None:
    assert everything(consumer, topic) == [[], [], []]
    topic.write(0, b"a")
    many = [b"%d" % number for number in range(2000)]
    topic.write(2, *many)
    for _ in range(2):
        assert everything(consumer, topic) == [[b"a"], [], many]
        assert read(consumer, {topic.places[0]: 0}) == [[b"a"], [], []]
        assert read(consumer, {topic.places[2]: 1990}) == [[], [], many[1990:]]


def test_what_arrives_while_it_is_read_is_left(topic: Topic, consumer: KafkaConsumer) -> None:
    topic.write(0, b"a", b"b")
    reading = records_to_end(consumer, offsets_since(consumer, topic.places))
    assert next(reading).value == b"a"
    topic.write(0, b"c")
    topic.write(1, b"d")
    assert [record.value for record in reading] == [b"b"]


def test_the_last_offsets_may_hold_no_record(embedded_system: System, topic: Topic, consumer: KafkaConsumer) -> None:
    def comes_to(*values: bytes) -> None:
        # the broker marks the end of a transaction a little later than it says so
        embedded_system.eventually(lambda: everything(consumer, topic) == [list(values), [], []], f"{values} are read")

    with closing(KafkaProducer(bootstrap_servers=topic.bootstrap, transactional_id=unique("tx"))) as producer:
        producer.init_transactions()
        for value, commit in ((b"kept", True), (b"given up", False)):
            producer.begin_transaction()
            producer.send(topic.name, value, partition=0)
            producer.commit_transaction() if commit else producer.abort_transaction()
        comes_to(b"kept")
        producer.begin_transaction()
        producer.send(topic.name, b"open", partition=0).get(10)
        topic.write(0, b"behind the open one")
        assert everything(consumer, topic) == [[b"kept"], [], []]
        producer.commit_transaction()
    comes_to(b"kept", b"open", b"behind the open one")


def test_records_that_are_deleted_ahead_of_the_reader_cost_no_others(topic: Topic, consumer: KafkaConsumer) -> None:
    topic.write(0, b"a", b"b", b"c")
    starts = offsets_since(consumer, topic.places)
    topic.delete_before(0, 2)
    assert read(consumer, starts) == [[b"c"], [], []]


def test_from_a_moment_and_up_to_one(topic: Topic, consumer: KafkaConsumer) -> None:
    for second in (1, 2, 3):
        topic.write(0, b"%d" % second, at=1_700_000_000_000 + second * 1000)
    topic.write(1, b"1", at=1_700_000_001_000)
    since = datetime.fromtimestamp(1_700_000_002, UTC)
    starts = offsets_since(consumer, topic.places, since)
    assert starts == dict(zip(topic.places, (1, 1, 0), strict=True))
    assert read(consumer, starts) == [[b"2", b"3"], [], []]
    assert read(consumer, starts, before=1_700_000_003_000) == [[b"2"], [], []]
    assert read(consumer, offsets_since(consumer, topic.places), before=1_700_000_002_000) == [[b"1"], [b"1"], []]


def test_a_topic_that_there_is_not(consumer: KafkaConsumer) -> None:
    with pytest.raises(NoSuchTopic) as told:
        partitions_of(consumer, "nothing.v1")
    assert str(told.value) == "there is no topic nothing.v1; `samplewatch topics create` makes the topics"


def test_a_dead_letter_is_found_by_its_place(topic: Topic) -> None:
    topic.write(1, b"a", b"b", b"c")
    topic.delete_before(1, 1)
    assert [letter.value for letter in read_letters(topic.bootstrap, [topic.name])] == [b"b", b"c"]
    found = [read_letter(topic.bootstrap, topic.name, 1, offset) for offset in range(-1, 4)]
    assert [letter and letter.value for letter in found] == [None, None, b"b", b"c", None]
    assert read_letter(topic.bootstrap, topic.name, 3, 0) is None
