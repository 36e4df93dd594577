"""What a backup brings back, and what it refuses: on a real broker, with records that nobody should send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer

from schemas.topics import SAMPLING_EVENTS, TOPICS
from services.runtime import plain_records
from tests.hostile import REFUSED, TAKEN, send
from tests.system import System, unique

Row = tuple[Any, ...]
#: The kinds of tests/hostile.py that are odd as records, and not only in what they say.
ODD = (
    "null_value",
    "null_value_with_headers",
    "empty_value",
    "missing_key",
    "empty_key",
    "key_not_utf8",
    "thousands_of_headers",
    "header_with_null",
    "header_name_not_utf8",
    "odd_headers",
    "headers_without_content",
)


@pytest.fixture
def restored(tmp_path: Path) -> Iterator[System]:
    """Where a backup is restored."""
    system = System(tmp_path)
    try:
        yield system
    finally:
        system.end()


def rows(system: System) -> dict[str, set[Row]]:
    """Every record of every topic, headers' names as the bytes that they are."""
    plain_records.install()
    return {
        topic.name: {
            (
                one.partition,
                one.offset,
                one.timestamp,
                one.key,
                one.value,
                tuple((n.encode(), v) for n, v in one.headers),
            )
            for one in system.records(topic.name)
        }
        for topic in TOPICS
    }


async def send_nothing(bootstrap: str, topic: str) -> None:
    """A record with neither key nor value, which clients send in a batch of one's own at most."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=None)
        await (await producer.send_batch(batch, topic, partition=3))


def test_every_record_comes_back_as_it_was(module_system: System, restored: System, tmp_path: Path) -> None:
    system, backup = module_system, tmp_path / "backup"
    send(system, [{**REFUSED, **TAKEN}[kind](n).raw for kind in ODD for n in range(2)])
    asyncio.run(send_nothing(system.bootstrap, SAMPLING_EVENTS.name))
    bomb = b"0" * (40 * 1024 * 1024)
    producer = KafkaProducer(
        bootstrap_servers=system.bootstrap, compression_type="zstd", max_request_size=2 * len(bomb)
    )
    producer.send(SAMPLING_EVENTS.name, bomb, unique("bomb").encode())
    producer.close(timeout=60)
    system.wait_idle()
    made = system.json("backup", "create", str(backup), "--margin", "0")
    before = rows(system)
    put_back = restored.json("backup", "restore", str(backup))
    assert put_back["records"] == made["records"] and not put_back["shifted"]
    restored.up()
    after, cut = rows(restored), round(datetime.fromisoformat(made["cut"]).timestamp() * 1000)
    for topic, expected in before.items():
        assert not {row for row in expected if row[2] < cut} - after[topic], topic
    names = {name for row in after[SAMPLING_EVENTS.name] for name, _ in row[-1]}
    assert b"\xff\xfe" in names and any(row[3] is row[4] is None for row in after[SAMPLING_EVENTS.name])
