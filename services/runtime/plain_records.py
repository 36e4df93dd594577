"""Reads and writes with kafka-python whatever a record may hold, of which its own code refuses some.

Written against kafka-python 3.0.12 (`tests/unit/test_records.py` fails when what it builds on changes). Kafka takes any
bytes as a header's name, headers without content, and records with neither key nor value. kafka-python reads no batch
with a name that is no UTF-8, and sends none of the three. What aiokafka lacks: services/runtime/records.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from services.runtime.records import AnyText

#: Stands for None on the way to the builder, where kafka-python takes no None. Known by being this very object.
NULL = bytes(bytearray(b"null"))


class OddName(str):
    """A header's name that is no UTF-8: reads with its odd bytes spelled out, and goes out as the bytes that it is."""

    raw: bytes

    def __new__(cls, raw: bytes) -> OddName:
        """The name that these bytes are."""
        name = super().__new__(cls, raw.decode(errors="backslashreplace"))
        name.raw = raw
        return name

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes themselves."""
        return self.raw


def header_name(raw: bytes) -> str:
    """A header's name as kafka-python is to have it; `encode` gives the bytes."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return OddName(raw)


def sendable_headers(headers: Iterable[tuple[bytes | str, bytes | None]]) -> list[tuple[str, bytes]]:
    """These headers as KafkaProducer.send takes them, with content or without."""
    return [
        (name if isinstance(name, str) else header_name(name), NULL if content is None else content)
        for name, content in headers
    ]


class _NameBytes(AnyText):
    def decode(self, *_: Any, **__: Any) -> str:
        return header_name(bytes(self))


class _Batch(DefaultRecordBatch):  # type: ignore[misc]
    _buffer: bytearray

    def _read_msg(self, *more: Any) -> Any:
        try:
            return super()._read_msg(*more)
        except UnicodeDecodeError:
            # the place in the buffer moves only behind a record that was read
            self._buffer = _NameBytes(self._buffer)
            return super()._read_msg(*more)


class _Builder(DefaultRecordBatchBuilder):  # type: ignore[misc]
    def append(self, offset: int, timestamp: int, key: Any, value: Any, headers: Any) -> Any:
        """Overridden to write NULL as null."""
        contents = [(name, None if content is NULL else content) for name, content in headers]
        return super().append(offset, timestamp, key, None if value is NULL else value, contents)


def install() -> None:
    """Makes every client of kafka-python in this process read and write this way."""
    memory_records.DefaultRecordBatch = _Batch
    memory_records.DefaultRecordBatchBuilder = _Builder
