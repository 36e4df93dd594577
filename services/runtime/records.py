"""Reads what a producer wrote even where a header's name is no UTF-8, which aiokafka alone would end the consumer for.

Written against aiokafka 0.14 (`tests/unit/test_records.py` fails when what it builds on changes). Kafka takes any bytes
as a header's name; aiokafka decodes names strictly, and one record that does not decode keeps a consumer from ever
reading on. Such names are read with their odd bytes spelled out (``\\xff``); all else is left to aiokafka.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords


class AnyText(bytearray):
    """A buffer whose parts decode whatever they hold."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return type(self)(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)


class _Batch:
    """One batch of records as aiokafka reads it, or, where that fails for a name, as read with its Python code."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            batch = _DefaultRecordBatchPy(self._raw)
            batch._maybe_uncompress()
            batch._buffer = AnyText(batch._buffer)
            return iter(batch)


class AnyRecords:
    """Takes the place of aiokafka's MemoryRecords: the batches of one fetched partition, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._start = 0
        self._records = MemoryRecords(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | None:
        """The next batch, None behind the last."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        start = self._start
        (length,) = struct.unpack_from(">i", self._data, start + 8)
        self._start = start + DefaultRecordBase.AFTER_LEN_OFFSET + length
        return _Batch(batch, self._data[start : self._start])


def install() -> None:
    """Makes every aiokafka consumer of this process read this way."""
    fetcher.MemoryRecords = AnyRecords
