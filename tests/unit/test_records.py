"""A header name that is no UTF-8 is read with its odd bytes spelled out; every other record as aiokafka reads it.

kafka-python reads and writes what it alone would refuse, and all else as it always did.
"""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from kafka.errors import CorruptRecordError
from kafka.record import default_records, memory_records

from services.runtime import plain_records, records
from services.runtime.plain_records import NULL, header_name, sendable_headers
from tests.hostile import OddName

CODECS = {
    "none": DefaultRecordBatch.CODEC_NONE,
    "gzip": DefaultRecordBatch.CODEC_GZIP,
    "snappy": DefaultRecordBatch.CODEC_SNAPPY,
    "lz4": DefaultRecordBatch.CODEC_LZ4,
    "zstd": DefaultRecordBatch.CODEC_ZSTD,
}
PLAIN = [("a", b"1"), ("名", None), ("", b"")]


def batch(codec: int, *headers: list[tuple[str, bytes | None]]) -> bytes:
    """A batch with one record for each list of headers."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    for offset, names in enumerate(headers):
        assert builder.append(offset, 1_700_000_000_000 + offset, b"k%d" % offset, b"v" * 50, names)
    return bytes(builder.build())


def read(reader: Any, data: bytes) -> list[Any]:
    found, batches = [], reader(data)
    while batches.has_next():
        taken = batches.next_batch()
        assert taken.validate_crc()
        found += [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in taken]
    return found


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_odd_names_are_spelled_out_and_all_else_is_as_it_was(codec: int) -> None:
    odd = [("a", b"1"), (OddName("x"), b"\xff"), ("b", None)]
    data = batch(codec, PLAIN, odd, PLAIN) + batch(codec, PLAIN)
    with pytest.raises(UnicodeDecodeError):
        read(MemoryRecords, data)
    found = read(records.AnyRecords, data)
    assert [headers for *_, headers in found] == [
        PLAIN,
        [("a", b"1"), ("\\xff\\xfex", b"\xff"), ("b", None)],
        PLAIN,
        PLAIN,
    ]
    assert [entry[:-1] for entry in found] == [
        entry[:-1] for entry in read(MemoryRecords, batch(codec, PLAIN, PLAIN, PLAIN) + batch(codec, PLAIN))
    ]


def test_what_aiokafka_can_read_reads_the_same() -> None:
    data = batch(0, PLAIN, []) + batch(CODECS["zstd"], PLAIN)
    assert read(records.AnyRecords, data) == read(MemoryRecords, data)
    assert records.AnyRecords(data).size_in_bytes() == len(data)
    assert records.AnyRecords(b"").next_batch() is None


def test_a_batch_says_of_itself_what_aiokafka_asks() -> None:
    taken = records.AnyRecords(batch(0, PLAIN)).next_batch()
    assert taken is not None
    assert (taken.is_control_batch, taken.is_transactional, taken.base_offset, taken.next_offset) == (
        False,
        False,
        0,
        1,
    )
    assert next(taken).key == b"k0"


def test_consumers_read_this_way() -> None:
    import services.runtime.transport  # noqa: F401

    assert fetcher.MemoryRecords is records.AnyRecords


def plainly(data: bytes) -> list[Any]:
    """The records as kafka-python reads them here; headers' names as bytes."""
    found, batches = [], memory_records.MemoryRecords(data)
    for one in batches:
        assert one.validate_crc()
        found += [(r.offset, r.timestamp, r.key, r.value, [(n.encode(), v) for n, v in r.headers]) for r in one]
    return found


@pytest.fixture
def plain() -> None:
    plain_records.install()


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_kafka_python_reads_odd_names_as_they_are(codec: int, plain: None) -> None:
    odd = [("a", b"1"), (OddName("x"), b"\xff"), ("b", None)]
    data = batch(codec, PLAIN, odd, PLAIN) + batch(codec, PLAIN)
    with pytest.raises(CorruptRecordError):
        list(default_records.DefaultRecordBatch(batch(codec, odd)))
    found = plainly(data)
    plain_names = [(name.encode(), content) for name, content in PLAIN]
    odd_names = [(b"a", b"1"), (b"\xff\xfex", b"\xff"), (b"b", None)]
    assert [headers for *_, headers in found] == [plain_names, odd_names, plain_names, plain_names]
    assert [entry[:-1] for entry in found] == [
        entry[:-1] for entry in read(MemoryRecords, batch(codec, PLAIN, PLAIN, PLAIN) + batch(codec, PLAIN))
    ]


def test_kafka_python_writes_what_it_would_refuse(plain: None) -> None:
    headers = [(b"\xff", None), ("名".encode(), b""), (b"", b"null")]
    builder = memory_records.MemoryRecordsBuilder(2, 0, 1 << 20)
    assert builder.append(1_700_000_000_000, None, NULL, sendable_headers(headers))
    assert builder.append(1_700_000_000_001, b"null", b"null", [])
    builder.close()
    assert plainly(bytes(builder.buffer())) == [
        (0, 1_700_000_000_000, None, None, headers),
        (1, 1_700_000_000_001, b"null", b"null", []),
    ]


def test_an_odd_name_says_its_bytes() -> None:
    name = header_name(b"\xffx")
    assert (name, name.encode(), header_name("名".encode())) == ("\\xffx", b"\xffx", "名")


def test_clients_of_kafka_python_work_this_way() -> None:
    import services.runtime.topic_reading  # noqa: F401

    assert memory_records.DefaultRecordBatch is plain_records._Batch
    assert memory_records.DefaultRecordBatchBuilder is plain_records._Builder
