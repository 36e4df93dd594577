"""The drill of docs/backup.md: after a disaster everything is as it was, and nobody is told twice.

Two disasters. Redis's disk is lost and an old copy of it put in its place, beside Kafka as it is. Then all is lost, and
comes back from the files of `samplewatch backup`, up to the moment of the backup; what was sent since is sent again.
(A Redis that is lost without a copy: tests/chaos.)
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.process import tail
from schemas.topics import DELIVERIES, LAB_RESULTS, TOPICS
from services.cli.backup_files import read_entries
from services.runtime.app import EXIT_AHEAD
from tests.chaos.outcome import assert_equal
from tests.chaos.runs import settle
from tests.lived import Lived, all_told, kill_everything, outcome_of, send
from tests.system import System

Row = tuple[Any, ...]


@pytest.fixture
def restored(lived: Lived, tmp_path: Path) -> Iterator[System]:
    """Where everything is restored."""
    system = System(tmp_path, lived.env)
    try:
        yield system
    finally:
        system.end()


def test_an_old_redis_and_then_everything_is_restored(lived: Lived, restored: System) -> None:
    records, newer = with_an_old_redis(lived)
    began = time.monotonic()
    put_back = restored.json("backup", "restore", str(lived.backup))
    assert put_back["records"] == lived.made["records"] and not put_back["shifted"]
    assert not lived.backup.stat().st_mode & 0o077, "others can read it"
    print(f"backup: {lived.made}; restore: {put_back}, in all {time.monotonic() - began:.1f} s")
    refuses_a_newer_redis(restored, newer)
    began = time.monotonic()
    restored.up()
    settle(restored)
    print(f"restored: rebuilt after {time.monotonic() - began:.1f} s")
    came_back(lived, records, contents(restored))
    # and never over what is there
    refused = restored.cli("backup", "restore", str(lived.backup), check=False)
    assert refused.returncode == 1 and "is not empty" in refused.stderr, refused.stderr
    # what was sent since is sent again, and more: what had come through is refused as known
    send(restored, lived.schedule, range(1, lived.schedule.length))
    all_told(restored, lived.hook, len(lived.told))
    assert_equal(outcome_of(restored), lived.came_to)
    told_since = lived.hook.ids[len(lived.told) :]
    again = set(told_since) & told_before_the_cut(lived)
    assert not again and len(told_since) == len(set(told_since)), f"told twice, though the backup knew: {again}"


def with_an_old_redis(lived: Lived) -> tuple[dict[str, list[Row]], Path]:
    """Redis's disk is lost: the old copy takes its place, beside Kafka as it is. Returns all records, and where the
    data of Redis lie in the end, which are newer than the backup."""
    data = lived.system.dir / "redis"
    shutil.rmtree(data)
    shutil.copytree(lived.old_redis, data)
    began = time.monotonic()
    lived.system.up()
    settle(lived.system)
    print(f"with an old copy of Redis: caught up after {time.monotonic() - began:.1f} s")
    assert_equal(outcome_of(lived.system), lived.came_to)
    assert lived.hook.ids == lived.told, "somebody was told again"
    records = contents(lived.system)
    kill_everything(lived.system)
    return records, data


def refuses_a_newer_redis(restored: System, newer: Path) -> None:
    """A Redis that knows more than Kafka would have new records passed over: nothing starts with it."""
    data = restored.dir / "redis"
    shutil.rmtree(data)
    shutil.copytree(newer, data)
    refused = restored.cli("up", "--detach", "--services", "lab_results", check=False)
    assert refused.returncode != 0 and f"ended with exit status {EXIT_AHEAD}" in refused.stderr, refused.stderr
    assert "Redis is ahead of Kafka" in tail(restored.dir / "logs" / "lab_results.log", 99), restored.logs()
    shutil.rmtree(data)


def contents(system: System) -> dict[str, list[Row]]:
    """Every record of every topic: partition, offset, time of arrival, key, value, headers."""
    return {
        topic.name: [
            (one.partition, one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
            for one in system.records(topic.name)
        ]
        for topic in TOPICS
    }


def came_back(lived: Lived, before: dict[str, list[Row]], after: dict[str, list[Row]]) -> None:
    """All that had arrived before the cut is where it was, with the time at which it arrived."""
    cut = round(datetime.fromisoformat(lived.made["cut"]).timestamp() * 1000)
    for topic, rows in before.items():
        missing = {row for row in rows if row[2] < cut} - set(after[topic])
        assert not missing, f"{topic}: {len(missing)} records of before the cut did not come back as they were"
    results = len(after[LAB_RESULTS.name]) - lived.results_before
    assert results > 0, "the backup was made before anything of its step had come"
    print(f"{results} results of the step in which the backup was made are in it")


def told_before_the_cut(lived: Lived) -> set[str]:
    """The ids of the messages that the backup knows to be delivered."""
    entries = read_entries(lived.backup / f"{DELIVERIES.name}.zst")
    log = [json.loads(entry.value) for entry in entries if entry.value]
    return {one["delivery_id"] for one in log if one["outcome"] == "delivered"}
