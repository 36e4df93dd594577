"""What a backup brings back, and what it refuses: on a real broker, with records that nobody should send."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer
from redis import Redis

from deploy.embedded.state import read_state
from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS, TOPICS
from services.cli.backup_files import BackupError, Manifest, read_entries, write_manifest
from services.cli.backup_topics import put_back
from services.runtime import plain_records, topic_writing
from services.runtime.topic_writing import NotWritten, Writer
from tests.hostile import REFUSED, TAKEN, send
from tests.system import WAIT_S, Raw, System, unique

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


def test_what_an_open_transaction_holds_back_is_not_left_out(module_system: System, tmp_path: Path) -> None:
    system, topic, key = module_system, LAB_RESULTS.name, unique().encode()

    def create(name: str, margin: str = "0") -> CompletedProcess[str]:
        return system.cli("backup", "create", str(tmp_path / name), "--margin", margin, "--json", check=False)

    with closing(KafkaProducer(bootstrap_servers=system.bootstrap, transactional_id=unique("tx"))) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"open", key, partition=5).get(WAIT_S)
        system.produce([Raw(topic, key, b"behind it", partition=5)])
        refused = create("refused")
        assert refused.returncode == 1
        assert f"{topic}, partition 5: a producer's transaction" in refused.stderr and "try again" in refused.stderr
        assert not any((tmp_path / "refused").iterdir()), "half of a backup is left"
        # of a transaction that began after the cut nothing belongs to the backup
        earlier = create("earlier", "3600")
        assert earlier.returncode == 0, earlier.stderr
        producer.commit_transaction()
    # the broker marks the end of a transaction a little later than it says so
    tries = (create(f"try-{number}") for number in itertools.count())
    system.eventually(lambda: next(tries).returncode == 0, "a backup is made")
    made = max(tmp_path.glob("try-*/manifest.json"), key=lambda path: path.stat().st_mtime).parent
    values = [entry.value for entry in read_entries(made / f"{topic}.zst") if entry.key == key]
    assert values == [b"open", b"behind it"]


def test_a_broker_that_goes_away_is_given_up(module_system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_writing, "LOST_S", 1.0)
    state = read_state(module_system.dir)
    assert state is not None
    with Writer(module_system.bootstrap, "samplewatch-test", delivery_s=2) as writer:
        writer.send(SAMPLING_EVENTS.name, b"k", None, [(b"\xff", None)])
        assert [placed.topic for placed in writer.settle()] == [SAMPLING_EVENTS.name]
        os.kill(state["kafka_pid"], signal.SIGSTOP)
        try:
            writer.send(SAMPLING_EVENTS.name, b"k", b"v")
            began = time.monotonic()
            with pytest.raises(NotWritten, match=f"Kafka at {module_system.bootstrap} has not taken all"):
                writer.settle()
            assert time.monotonic() - began < 30
        finally:
            os.kill(state["kafka_pid"], signal.SIGCONT)


def test_nothing_is_restored_beside_a_redis_that_is_in_use(module_system: System, url: str, tmp_path: Path) -> None:
    system = module_system
    write_manifest(tmp_path, Manifest("2026-03-01T00:00:00+00:00", {}))
    system.produce([Raw(LAB_RESULTS.name, b"k", b"not taken")])
    system.wait_idle()
    refused = system.cli("backup", "restore", str(tmp_path), check=False)
    assert refused.returncode == 1 and "Redis is not empty" in refused.stderr, refused.stderr
    # what others keep in it is no matter, so the next thing is looked at
    said: list[str] = []
    with Redis.from_url(url) as redis:
        redis.set("another's", 1)
    for known in (url, None):
        with pytest.raises(BackupError, match="are at work"):
            put_back(system.bootstrap, known, tmp_path, said.append)
    assert len(said) == 1 and "SAMPLEWATCH_REDIS" in said[0]
    with pytest.raises(BackupError, match="cannot look whether Redis is empty"):
        put_back(system.bootstrap, "redis://127.0.0.1:1/0", tmp_path)
