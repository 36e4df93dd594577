"""Random histories in random order of arrival come to the counts that a recount from scratch gives, exactly.

SAMPLEWATCH_HISTORIES says how many; with its default the test takes a few seconds.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from schemas.topics import DELTAS, LAB_RESULTS, RECEIPTS, VERDICTS
from services.lab_results.counts import Counts
from services.lab_results.counts_store import counts_key, value_of
from services.lab_results.cut_config import Cut
from services.lab_results.cut_filling import TIMER, CutKeeper
from services.lab_results.cuts import CUTS
from services.lab_results.stage import LabStage
from services.runtime.calendar import day_from_number
from services.runtime.packed_counts import add_packed
from tests.histories import Count, History, recount
from tests.memory import FakeRecord, FakeRedis, MemoryShard

HISTORIES = int(os.environ.get("SAMPLEWATCH_HISTORIES", "2000"))


class Laboratory:
    """The lab stage over its twelve partitions, in memory."""

    def __init__(self, cuts: tuple[Cut, ...] = CUTS) -> None:
        self.redis = FakeRedis()
        self.restart(cuts)

    def restart(self, cuts: tuple[Cut, ...]) -> None:
        stage = LabStage(CutKeeper(cuts))
        self.shards = [MemoryShard(stage, partition, self.redis) for partition in range(12)]

    def arrive(self, rng: random.Random, histories: list[History]) -> None:
        """Everything that is told of the histories, mixed, in batches of any size."""
        waiting: dict[tuple[int, str], list[FakeRecord]] = defaultdict(list)
        lines = [(history.partition, history.arrivals()) for history in histories]
        while lines:
            partition, left = rng.choice(lines[:300])
            topic, key, value = left.pop()
            if not left:
                lines.remove((partition, left))
            batch = waiting[partition, topic]
            batch.append(FakeRecord(topic, len(batch), key, value, partition=partition))
            if rng.random() < 0.03:
                self.shards[partition].feed(waiting.pop((partition, topic)))
        for (partition, _), batch in waiting.items():
            self.shards[partition].feed(batch)

    def counts(self) -> Counter[Count]:
        found: Counter[Count] = Counter()
        for key, fields in self.redis.hashes.items():
            group = key.partition(":counts:")[2]
            for value, packed in fields.items() if group else ():
                by_code: dict[int, int] = {}
                add_packed(packed, by_code)
                for code, n in by_code.items():
                    day = day_from_number(code >> 3).isoformat()
                    found[group, value_of(value), day, Counts._fields[code & 7]] += n
        return found


@pytest.mark.parametrize("seed", range(2))
def test_histories_in_any_order_are_a_recount(seed: int) -> None:
    rng = random.Random(seed)
    histories = [History(rng, number) for number in range(HISTORIES // 2)]
    laboratory = Laboratory()
    laboratory.arrive(rng, histories)
    expected = recount(histories)
    assert len(expected) > HISTORIES // 2
    assert laboratory.counts() == expected


def logs(rng: random.Random, histories: list[History]) -> dict[tuple[int, str], list[FakeRecord]]:
    """Everything that is told of the histories, mixed, by partition and topic."""
    found: dict[tuple[int, str], list[FakeRecord]] = defaultdict(list)
    arrivals = [(history.partition, *message) for history in histories for message in history.arrivals()]
    rng.shuffle(arrivals)
    for partition, topic, key, value in arrivals:
        log = found[partition, topic]
        log.append(FakeRecord(topic, len(log), key, value, partition=partition))
    return found


def standing(*laboratories: Laboratory) -> dict[bytes, dict[str, Any]]:
    """The verdict with the highest revision of each sample that was told of. What changes nothing but the revision is
    not told, so that one depends on the order."""
    found: dict[bytes, dict[str, Any]] = {}
    messages = [message for one in laboratories for shard in one.shards for message in shard.of(VERDICTS.name)]
    for message in messages:
        told = json.loads(message.value or b"")
        if told["revision"] >= found.get(message.key or b"", told)["revision"]:
            found[message.key or b""] = told
    return {sample_id: {**told, "revision": None} for sample_id, told in found.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_rebuild_says_nothing_of_what_was_told_and_all_that_was_not(seed: int) -> None:
    rng = random.Random(seed)
    histories = [History(rng, number) for number in range(300)]
    log = logs(rng, histories)
    told = {place: rng.randrange(1, len(records)) for place, records in log.items()}
    whole, before, after = Laboratory(), Laboratory(), Laboratory()
    for (partition, topic), records in sorted(log.items(), key=lambda _: rng.random()):
        whole.shards[partition].feed(records)
        before.shards[partition].feed(records[: told[partition, topic]])
    turns = sorted(log.items(), key=lambda item: item[0][1] == LAB_RESULTS.name)
    for (partition, topic), records in turns:
        said = after.shards[partition].feed(records[: told[partition, topic]], quietly=True)
        assert not said
    for (partition, topic), records in turns:
        after.shards[partition].feed(records[told[partition, topic] :])
    assert after.counts() == whole.counts() == recount(histories)
    assert standing(before, after) == standing(whole)
    receipts = [
        [message.value for one in them for shard in one.shards for message in shard.of(RECEIPTS.name)]
        for them in ((before, after), (whole,))
    ]
    ids = [sorted(json.loads(value or b"")["receipt_id"] for value in values) for values in receipts]
    assert ids[0] == ids[1]
    assert len(ids[1]) == len(set(ids[1]))


def only(names: set[str]) -> tuple[Cut, ...]:
    return tuple(cut for cut in CUTS if cut.name in names)


def test_a_cut_that_comes_later_is_filled_and_one_that_goes_is_dropped() -> None:
    """Batches come before, between the start and the filling of each partition, and after; what is told of a sample is
    split between them. In the end every cut is a recount, and the others never stood still."""
    rng = random.Random(7)
    histories = [History(rng, number) for number in range(400)]
    without = only({"all", "producer", "county_category", "laboratory", "stage"})
    laboratory = Laboratory((*without, Cut("gone", ("province",)), Cut("township", ("stage",))))
    laboratory.arrive(rng, histories[:150])
    former = {
        (n, f"{group}|township|{value_of(value)}".encode())
        for n in range(12)
        for group in ("food|supervision", "drug|supervision", "food_rapid|risk_monitoring")
        for value in laboratory.redis.hashes[counts_key(n, f"{group}|township")]
    }
    laboratory.restart(CUTS)
    laboratory.arrive(rng, [*histories[100:300]])
    counted, now = laboratory.counts(), recount(histories[:300])
    for cut in without:
        assert of_cut(counted, cut.name) == of_cut(now, cut.name)
    for partition, shard in enumerate(laboratory.shards):
        laboratory.redis.timers = {TIMER: 0}  # the twelve share a dictionary here
        shard.fire(1)
        if partition == 5:
            laboratory.arrive(rng, histories[250:])
    laboratory.arrive(rng, histories[:20])
    assert laboratory.counts() == recount(histories)
    assert not [key for key in laboratory.redis.hashes if key.endswith("|gone") and laboratory.redis.hashes[key]]
    told = [message for shard in laboratory.shards for message in shard.messages if message.value is None]
    assert {message.key.decode().split("|", 2)[2] for message in told if message.key} >= {"gone|62"}
    # the cut of the same name went by stages: whoever had such a cell has its rates looked at
    looked_at = {(n, message.key) for n, shard in enumerate(laboratory.shards) for message in shard.of(DELTAS.name)}
    assert former and former <= looked_at


def of_cut(counts: Counter[Count], cut: str) -> Counter[Count]:
    return Counter({count: n for count, n in counts.items() if count[0].endswith(f"|{cut}")})
