"""What compresses or groups messages on their way changes nothing: every codec, codecs mixed, transactions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from kafka import KafkaProducer

from schemas.topics import RECEIPTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.hostile import pair, sample_id
from tests.system import Raw, System, unique

CODECS = ("gzip", "snappy", "lz4", "zstd")
PAIRS = 40


def counted(system: System, kind: str) -> int:
    return sum(row["pass"] for row in system.rates(cut="province", cell=kind))


def check_taken(system: System, kind: str, pairs: int) -> None:
    """Every pair is counted once, and each of its two events has one receipt."""
    system.wait_idle()
    assert counted(system, kind) == pairs
    receipts = system.receipts(f"/good/{kind}")
    assert len({receipt["receipt_id"] for receipt in receipts}) == len(receipts) == 2 * pairs
    assert {receipt["outcome"] for receipt in receipts} <= {"accepted", "parked"}


@pytest.mark.parametrize("codec", [None, *CODECS])
def test_a_compressed_message_is_taken_like_any_other(system: System, codec: str | None) -> None:
    kind = unique("codec")
    system.produce((raw for n in range(PAIRS) for raw in pair(kind, n)), compression=codec)
    check_taken(system, kind, PAIRS)


def test_codecs_are_mixed_in_one_partition(system: System) -> None:
    kind = unique("mixed")
    numbers = [n for n in range(400) if home_of(sample_id(kind, n).encode(), PARTITIONS) == 5][:20]
    places = []
    for turn, n in enumerate(numbers):
        for codec, raw in zip((CODECS[turn % 4], (*CODECS, None)[turn % 5]), pair(kind, n), strict=True):
            places += system.produce([raw], compression=codec)
    assert {place.partition for place in places} == {5}
    check_taken(system, kind, len(numbers))


# transactions


@contextlib.contextmanager
def transactional(system: System) -> Iterator[KafkaProducer]:
    with contextlib.closing(
        KafkaProducer(bootstrap_servers=system.bootstrap, transactional_id=unique("tx"), linger_ms=0)
    ) as producer:
        producer.init_transactions()
        yield producer


def send(producer: KafkaProducer, raws: list[Raw]) -> None:
    for raw in raws:
        producer.send(raw.topic, raw.value, raw.key)
    producer.flush()


def test_transactions_that_are_committed_are_taken(module_system: System) -> None:
    system, kind = module_system, unique("tx")
    with transactional(system) as producer:
        for n in range(PAIRS):  # a control record between any two
            producer.begin_transaction()
            send(producer, pair(kind, n))
            producer.commit_transaction()
    check_taken(system, kind, PAIRS)


def test_transactions_that_are_aborted_are_not_taken(module_system: System) -> None:
    system, kind = module_system, unique("aborted")
    with transactional(system) as producer:
        producer.begin_transaction()
        send(producer, [raw for n in range(PAIRS) for raw in pair(kind, n)])
        producer.abort_transaction()
    system.produce(raw for n in range(PAIRS, 2 * PAIRS) for raw in pair(kind, n))
    check_taken(system, kind, PAIRS)


def test_lag_goes_to_zero_where_a_partition_ends_in_a_control_record(module_system: System) -> None:
    system, kind = module_system, unique("lag")
    with transactional(system) as producer:
        producer.begin_transaction()
        send(producer, pair(kind, 0))
        producer.commit_transaction()
    system.wait_idle()


def test_services_get_ready_where_a_partition_ends_in_a_control_record(module_system: System) -> None:
    system, kind = module_system, unique("end")
    with transactional(system) as producer:
        producer.begin_transaction()
        send(producer, [raw for n in range(PAIRS) for raw in pair(kind, n)])
        producer.commit_transaction()
    system.eventually(lambda: len(system.records(RECEIPTS.name, f"/good/{kind}")) == 2 * PAIRS, "all receipts")
    system.down()
    system.up()
    check_taken(system, kind, PAIRS)
