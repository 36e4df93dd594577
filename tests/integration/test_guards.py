"""What keeps a service from doing harm, or from getting nowhere unseen: the limit on dead letters, the check that it
makes progress, and the checks of Redis at the start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from deploy.embedded.state import read_state
from schemas.topics import LAB_RESULTS, RECEIPTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.events import binary, result, sample_taken
from tests.system import ROOT, WAIT_S, Raw, System, embedded, unique

BAD = 3
GARBAGE = 5_000


@pytest.fixture
def short_tempered(tmp_path: Path) -> Iterator[System]:
    """A system whose services end after six seconds without progress."""
    system = System(tmp_path, {"SAMPLEWATCH_STALL_SECONDS": "6"})
    try:
        system.up()
        yield system
    finally:
        system.end()


def test_a_source_of_garbage_pauses_its_partition_and_no_other(tmp_path: Path) -> None:
    with embedded(tmp_path) as system:
        source, good = unique("/broken-lims"), unique("/lims")
        header = [("ce_source", source.encode()), ("ce_type", b"ResultReported"), ("ce_id", b"x")]
        system.produce(Raw(LAB_RESULTS.name, b"k", b"{", header, partition=BAD) for _ in range(GARBAGE))
        system.eventually(
            lambda: 'samplewatch_paused_partitions{partition="3"' in system.get("lab_results", "/metrics"),
            "the partition is paused",
        )
        ready = system.get("lab_results", "/readyz", status=503)
        assert ready["ready"] is False
        [pause] = ready["paused"]
        assert (pause["topic"], pause["partition"], pause["source"]) == (LAB_RESULTS.name, BAD, source)
        assert "rejected" in pause["reason"]
        buried = len(system.records(f"{LAB_RESULTS.name}.dlq"))
        assert buried < 1000

        ids = [unique() for _ in range(60)]
        elsewhere = [name for name in ids if home_of(name.encode(), PARTITIONS) != BAD]
        system.produce([binary(event, good) for name in ids for event in (sample_taken(name), result(name, "lab"))])
        system.eventually(lambda: len(answered(system, good)) == 60 + len(elsewhere), "the others go on")
        assert len(system.records(f"{LAB_RESULTS.name}.dlq")) == buried

        system.down()
        system.env["SAMPLEWATCH_DLQ_RATIO"] = system.env["SAMPLEWATCH_DLQ_RUN"] = "0"
        system.up()
        system.wait_idle()
        assert len(system.records(f"{LAB_RESULTS.name}.dlq")) == GARBAGE
        assert len(answered(system, good)) == 120
        assert system.get("lab_results", "/readyz") == {"ready": True}


def answered(system: System, source: str) -> set[tuple[str, int, int]]:
    """The places of the source's events that were not rejected."""
    receipts = system.messages(RECEIPTS.name, source)
    return {(r["topic"], r["partition"], r["offset"]) for r in receipts if r["outcome"] != "rejected"}


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process of the system that does not run for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_service_that_gets_nowhere_ends_and_says_where(short_tempered: System) -> None:
    system, state = short_tempered, read_state(short_tempered.dir)
    assert state is not None
    name = unique()
    system.produce([binary(sample_taken(name), "/lims")])
    system.wait_idle()
    with stopped(state["redis_pid"]):
        [place] = system.produce([binary(result(name, "lab"), "/lims")])
        assert f"{LAB_RESULTS.name} partition {place.partition} has stood at offset {place.offset}" in ended(system)
    system.up()
    system.wait_idle()
    assert {receipt["outcome"] for receipt in system.receipts("/lims")} == {"accepted"}
    with stopped(state["kafka_pid"]):
        assert "Kafka has not answered for" in ended(system)


def ended(system: System) -> str:
    """What lab_results logged, once it and all others have ended for want of progress."""
    system.eventually(lambda: {one.exit for one in system.services.values()} == {71}, "the services have ended")
    return (system.dir / "logs" / "lab_results.log").read_text()


def check(url: str) -> tuple[int, str]:
    """Exit status and log of a process that asks this Redis as a service does at its start."""
    code = """
import sys
from services.runtime import metrics
from services.runtime.redis_checks import UnfitRedis, check_redis
try:
    check_redis(sys.argv[1], 1)
except UnfitRedis as error:
    sys.exit(str(error))
print("append only:", metrics.REDIS_APPEND_ONLY._value.get(), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, url], cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    return done.returncode, done.stderr


def test_redis_must_not_evict(url: str) -> None:
    with Redis.from_url(url) as redis:
        assert check(url) == (0, "append only: 1.0\n")
        redis.config_set("maxmemory-policy", "allkeys-lru")
        assert check(url)[0] == 0  # nothing is evicted without a limit
        redis.config_set("maxmemory", "100mb")
        status, said = check(url)
        assert status == 1
        assert "maxmemory-policy allkeys-lru" in said and "set maxmemory-policy noeviction" in said
        env = {**os.environ, "SAMPLEWATCH_REDIS": url}
        service = subprocess.run(
            [sys.executable, "-m", "services.sampling"],
            cwd=ROOT, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip
        assert service.returncode == 72
        assert "does not start: Redis has maxmemory 104,857,600" in service.stderr
        redis.config_set("maxmemory-policy", "noeviction")
        assert check(url)[0] == 0
        redis.config_set("maxmemory", "0")


def test_redis_without_an_append_only_file_is_warned_of(url: str) -> None:
    with Redis.from_url(url) as redis:
        redis.config_set("appendonly", "no")
        status, said = check(url)
        redis.config_set("appendonly", "yes")
    assert status == 0
    assert "keeps no append-only file" in said and "append only: 0.0" in said


def test_redis_that_does_not_say(url: str) -> None:
    with Redis.from_url(url) as redis:
        redis.acl_setuser("managed", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info", "-config"])
        status, said = check(url.replace("//", "//managed:any@"))
    assert status == 0
    assert "cannot check that Redis does not evict" in said and "append only: -1.0" in said


@pytest.mark.parametrize("key", ["sw:{sampling:3}:lives", "sw:{lab:0}:dossiers", "sw:{alerts:11}:seen"])
def test_redis_that_holds_state_in_a_form_of_before(url: str, key: str) -> None:
    with Redis.from_url(url) as redis:
        redis.hset(key, "S1", "\x01kept alone")
        status, said = check(url)
        redis.delete(key)
    assert status == 1
    assert f"Redis holds {key}" in said and "FLUSHDB" in said
    assert check(url)[0] == 0


def test_redis_that_is_not_there() -> None:
    status, said = check("redis://127.0.0.1:1/0")
    assert status == 1 and "Redis has not answered for 1 s" in said
