"""Redis is wiped: what was told before is not told again, and everything stands as it did."""

from __future__ import annotations

from typing import Any

from redis import Redis

from schemas.topics import DEADLINES, LAB_RESULTS, RECEIPTS, SAMPLES, SAMPLING_EVENTS, VERDICTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from tests.chaos.runs import settle, wipe
from tests.events import FAILED_ITEM, amended, binary, result, sample_taken
from tests.system import Raw, System, unique

#: What follows from records of `sampling` and `lab_results`.
TOLD = (
    *(topic.name for topic in (RECEIPTS, VERDICTS, SAMPLES, DEADLINES, SAMPLING_EVENTS, LAB_RESULTS)),
    SAMPLING_EVENTS.dead_letters,
    LAB_RESULTS.dead_letters,
)
COUNT = 300


def told(system: System) -> dict[str, int]:
    """How many messages each topic has."""
    return {topic: sum(system.ends(topic).values()) for topic in TOLD}


def standing(system: System) -> tuple[Any, ...]:
    alerts = [(alert["alert_id"], alert["state"]) for alert in system.alerts()]
    return sorted(alerts), sorted((row["cell"], row["pass"], row["fail"]) for row in system.rates(cut="laboratory"))


def test_a_rebuild_tells_nothing_again_and_ends_where_it_was(module_system: System) -> None:
    system = module_system
    source, lab = unique("/lims"), unique("lab")
    ids = [unique() for _ in range(COUNT)]
    results = [result(one, lab, *([FAILED_ITEM] if n % 10 == 0 else [])) for n, one in enumerate(ids)]
    stray = sample_taken(unique())
    astray = (home_of(stray["sample_id"].encode(), PARTITIONS) + 1) % PARTITIONS
    system.produce(binary(event, source) for event in results[: COUNT // 2])  # parked
    system.produce(binary(sample_taken(one), source) for one in ids)
    garbage = [Raw(topic.name, b"x", b"no event") for topic in (SAMPLING_EVENTS, LAB_RESULTS)]
    system.produce([*garbage, binary(stray, source, partition=astray)])
    system.produce(binary(event, source) for event in results[COUNT // 2 :])
    system.wait_idle()  # the first one fails before it is amended: else it would raise no alert
    system.produce([binary(amended(results[0], revision=2), source)])
    system.wait_idle()
    before, stands = told(system), standing(system)
    assert all(count for topic, count in before.items() if topic != DEADLINES.name), before
    assert len(stands[0]) == COUNT // 10

    wipe(system)
    settle(system)
    assert told(system) == before
    assert standing(system) == stands

    late = result(stray["sample_id"], lab)
    system.produce([binary(late, source)])
    system.wait_idle()
    after = told(system)
    assert after[RECEIPTS.name] == before[RECEIPTS.name] + 1
    assert after[VERDICTS.name] == before[VERDICTS.name] + 1


def test_a_rebuild_tells_again_what_it_is_asked_to(module_system: System) -> None:
    system = module_system
    before, stands = told(system), standing(system)
    with Redis.from_url(system.redis) as redis:
        redis.flushall()
    system.down()
    system.env["SAMPLEWATCH_REPUBLISH"] = "1"
    system.up()
    settle(system)
    after = told(system)
    assert standing(system) == stands
    for topic in (RECEIPTS.name, VERDICTS.name, SAMPLES.name):
        assert after[topic] > before[topic], topic
