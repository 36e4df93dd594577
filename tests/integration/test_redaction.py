"""`samplewatch redact` on a real broker and a real Redis: a name is gone from both, for good, and nothing else is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from redis import Redis
from zstandard import ZstdDecompressor, ZstdError

from schemas.topics import ALERT_EVENTS, NOTIFICATIONS, SAMPLES, TOPICS
from services.runtime.codec import DICTIONARIES, DamagedValue, codec_of
from tests.chaos.runs import wipe
from tests.events import FAILED_ITEM, binary, order, result, sample_taken
from tests.receivers import hook
from tests.system import System, unique

PERSON, OTHER = "欧阳某甲", "司徒某乙"
COMPACTED = [topic.name for topic in TOPICS if "compact" in topic.config["cleanup.policy"]]
#: Compaction that does not wait for days.
EAGER = {
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1",
    "min.cleanable.dirty.ratio": "0.0001",
    "segment.ms": "100",
}


def texts(value: bytes) -> Iterator[bytes]:
    """A value of Redis as it is, and as each of the ways to compress it would have it."""
    yield value
    with contextlib.suppress(ZstdError):
        yield ZstdDecompressor().decompress(value)
    for kind in {file.stem.rpartition("-")[0] for file in DICTIONARIES.glob("*.zdict")}:
        with contextlib.suppress(DamagedValue):
            yield codec_of(kind).unpack(value)


def in_redis(system: System, name: str) -> set[str]:
    """The kinds of keys that have the name somewhere: `sampling:life_blocks`, say."""
    found = set()
    with Redis.from_url(system.redis) as redis:
        for key in redis.scan_iter(count=1000):
            held: list[bytes] = [key]
            match redis.type(key):
                case b"hash":
                    held += [part for field in redis.hgetall(key).items() for part in field]
                case b"zset":
                    held += redis.zrange(key, 0, -1)
                case b"string":
                    held.append(redis.get(key))
                case other:
                    raise AssertionError(f"{key!r} is a {other!r}")
            if any(name.encode() in text for value in held for text in texts(value)):
                found.add(key.decode())
    return found


def in_kafka(system: System, topic: str, name: str) -> int:
    """How many records of the topic have the name."""
    return sum(name.encode() in (record.value or b"") for record in system.records(topic))


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with hook() as desk:
        (tmp_path / "receivers.yaml").write_text(
            f"receivers: {{desk: {{channels: {{hook: 'json://127.0.0.1:{desk.port}/'}}}}}}"
        )
        (tmp_path / "routes.yaml").write_text(
            "receivers: receivers.yaml\nroute: {receiver: desk, group_wait: 0s, group_interval: 0s}\n"
        )
        system = System(tmp_path, {"SAMPLEWATCH_ROUTES": str(tmp_path / "routes.yaml")})
        try:
            system.up()
            yield system
        finally:
            system.end()


def compact(system: System) -> None:
    """Lets the broker compact at once. A segment is closed by the next record, so that more samples are needed."""
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=system.bootstrap)) as admin:
        eager = [ConfigResource(ConfigResourceType.TOPIC, topic, configs=EAGER) for topic in COMPACTED]
        broker = ConfigResource(ConfigResourceType.BROKER, "1", configs={"log.cleaner.backoff.ms": "200"})
        admin.alter_configs([*eager, broker])


def more_samples(system: System) -> None:
    failed = [unique() for _ in range(40)]
    system.produce(binary(sample_taken(each, sampled_by=["甲", "乙"]), "/more") for each in failed)
    system.produce(binary(result(each, "lab-more", FAILED_ITEM), "/more") for each in failed)


def counts(system: System) -> Any:
    with_cells = system.rates(cut="laboratory", cell="lab-r")
    return [{name: row[name] for name in ("pass", "fail", "rate", "samples") if name in row} for row in with_cells]


def standing(system: System, mine: list[str]) -> dict[str, Any]:
    """The alerts of these samples, but for what says who moved them, and the last step."""
    who = {"acknowledged_by", "assignee", "silence_reason", "reason", "changed_by", "changed_at", "stated_at"}
    last = {"sequence", "event_id", "transition", "msg_type"}
    alerts = [alert for each in mine for alert in system.alerts(sample_id=each)]
    return {one["alert_id"]: {name: it for name, it in one.items() if name not in who | last} for one in alerts}


def test_a_name_is_gone_from_redis_and_from_compacted_topics_and_nothing_else_is(system: System) -> None:
    mine, others = [unique() for _ in range(3)], [unique() for _ in range(2)]
    for group, person in ((mine, PERSON), (others, OTHER)):
        system.produce(binary(sample_taken(each, sampled_by=[person, "李四"]), "/inspectors") for each in group)
        system.produce(binary(result(each, "lab-r", FAILED_ITEM), "/lims") for each in group)
    system.wait_idle()
    alerts = {each: system.alerts(sample_id=each)[0]["alert_id"] for each in (*mine, *others)}
    system.produce(
        [
            binary(order("Acknowledge", alerts[mine[0]], by=PERSON), "/desk"),
            binary(order("Assign", alerts[mine[0]], assignee=OTHER), "/desk"),
            binary(order("Act", alerts[mine[1]], action=f"与{PERSON}一同下架"), "/desk"),
            binary(order("Acknowledge", alerts[others[0]], by=OTHER), "/desk"),
        ]
    )
    # what is not told yet would be while the rest of this goes on, and the alert say so
    told = [ALERT_EVENTS.name, NOTIFICATIONS.name]
    system.eventually(lambda: all(in_kafka(system, topic, PERSON) for topic in told), "both topics have the name")
    system.eventually(lambda: not system.alerts(state="raised"), "the desk is told of all")
    system.wait_idle()
    kinds = {key.split("}")[0].split("{")[1].split(":")[0] + key.split("}")[1] for key in in_redis(system, PERSON)}
    assert {"sampling:life_blocks", "alerts:alerts", "alerts:histories"} <= kinds
    assert in_kafka(system, SAMPLES.name, PERSON)
    counted, stood = counts(system), standing(system, [*mine, *others])
    assert counted and len(stood) == 5

    done = system.cli("redact", "-", "--by", "ops-3", "--json", stdin=f"{PERSON}\n")
    assert json.loads(done.stdout) == {"samples": 3, "alerts": 2, "accepted": 5}
    assert PERSON not in done.stdout + done.stderr
    system.wait_idle()

    def gone_and_nothing_else() -> None:
        assert in_redis(system, PERSON) == set()
        assert in_redis(system, OTHER)
        assert counts(system) == counted
        assert standing(system, [*mine, *others]) == stood
        for each in mine:
            assert PERSON not in json.dumps(system.get("sampling", f"/samples/{each}"), ensure_ascii=False)
            assert PERSON not in json.dumps(system.get("alerts", f"/alerts/{alerts[each]}"), ensure_ascii=False)
        assert OTHER in json.dumps(system.get("sampling", f"/samples/{others[0]}"), ensure_ascii=False)

    gone_and_nothing_else()
    # there is nothing left to do
    assert system.json("redact", "-", "--by", "ops-3", "--json", "--dry-run", stdin=f"{PERSON}\n") == {
        "samples": 0,
        "alerts": 0,
    }
    # Kafka still has the events as they came: a rebuild reads them, and the redaction after them
    wipe(system)
    system.wait_idle()
    gone_and_nothing_else()

    compact(system)

    def compacted() -> bool:
        more_samples(system)
        return not any(in_kafka(system, topic, PERSON) for topic in COMPACTED)

    system.eventually(compacted, "the compacted topics no longer have the name")
    assert all(in_kafka(system, topic, OTHER) for topic in (SAMPLES.name, ALERT_EVENTS.name))

    listed = system.cli("audit", "--samples", "--by", "ops-3", "--json").stdout
    rows = [json.loads(line) for line in listed.splitlines()]
    assert sorted((row["type"], row["outcome"]) for row in rows) == [
        *[("Redact", "accepted")] * 2,
        *[("SampleRedacted", "accepted")] * 3,
    ]
    assert PERSON not in json.dumps(rows, ensure_ascii=False)
