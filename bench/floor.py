"""The floor: what a result takes of the processor in calls of libraries written in C alone, with no rule applied.

No Python that does the same work through these libraries is faster: a record is read from its batch, its JSON and its
dossier are read, the dossier, the verdict and the receipt written, and both messages put into the outbox and into
compressed batches. What is missing is all that decides anything, and everything between the calls.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import msgpack
import msgspec
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from schemas.topics import VERDICTS
from services.lab_results.domain import VerdictFacts
from services.lab_results.facts import ReportFacts
from services.runtime.codec import codec_of
from services.runtime.intake import ReceiptFacts
from services.runtime.messages import Message

_ROUNDS = 15
_BATCH_BYTES = 16 * 1024 * 1024
#: Record format 2, of an idempotent producer, as the publisher asks for.
_FORMAT, _PRODUCER = 2, (1, 0, 0)

_read_report = msgspec.json.Decoder(ReportFacts).decode
_read_verdict = msgspec.json.Decoder(VerdictFacts).decode
_read_receipt = msgspec.json.Decoder(ReceiptFacts).decode
_write = msgspec.json.Encoder().encode
_read_block = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_pack = msgspec.msgpack.Encoder().encode
_codec = codec_of("dossiers")


def floor(results: Sequence[bytes], blocks: Sequence[bytes], messages: Sequence[Message]) -> float:
    """Microseconds of the processor for each result, the median of some rounds.

    `blocks` are those of the results' dossiers, as kept; the messages are the verdicts and receipts of these results.
    """
    fetched = _batch([Message("", 0, b"S00000000", value, ()) for value in results])
    bodies = [
        (_read_verdict if message.topic == VERDICTS.name else _read_receipt)(message.value) for message in messages
    ]
    spent = []
    for _ in range(_ROUNDS):
        started = time.process_time()
        _once(fetched, blocks, messages, bodies)
        spent.append(time.process_time() - started)
    return round(median(spent) / len(results) * 1e6, 2)


def _once(fetched: bytes, blocks: Sequence[bytes], messages: Sequence[Message], bodies: Sequence[Any]) -> None:
    batch = MemoryRecords(fetched).next_batch()
    for record in batch:
        _read_report(record.value)
    for kept in blocks:
        dossiers = _read_block(_codec.unpack(kept))
        _codec.pack(_pack({ending: _pack(msgspec.msgpack.decode(packed)) for ending, packed in dossiers.items()}))
    for body in bodies:
        _write(body)
    msgpack.packb([tuple(message) for message in messages])
    _batch(messages)


def _batch(messages: Sequence[Message]) -> bytes:
    builder = DefaultRecordBatchBuilder(_FORMAT, DefaultRecordBatch.CODEC_ZSTD, False, *_PRODUCER, _BATCH_BYTES)
    for number, message in enumerate(messages):
        builder.append(number, None, message.key, message.value, list(message.headers))
    return bytes(builder.build())
