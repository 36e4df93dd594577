"""A header name that is no UTF-8 is read with its odd bytes spelled out; every other record as aiokafka reads it."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from services.runtime import records
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
