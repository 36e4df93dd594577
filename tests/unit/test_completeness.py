"""The share of the newest days' results that is still to come."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.topics import LAB_RESULTS, SAMPLES
from services.lab_results.completeness import LONGEST, arrived_shares, share_of_span_to_come, share_to_come
from services.lab_results.counts_store import delays_key
from services.lab_results.stage import LabStage
from services.runtime.calendar import day_number
from services.runtime.packed_counts import arrays_of
from services.runtime.partitioning import home_of
from tests.events import amended, result, sample_taken, withdrawn
from tests.memory import FakeRecord, MemoryShard

AS_OF = date(2026, 3, 1)
TODAY = day_number(AS_OF)


def test_by_hand() -> None:
    """Three days; of day -2 all delays up to 2 are known, of day -1 up to 1, of today 0 alone."""
    delays = {0: {TODAY - 2: 20, TODAY - 1: 20, TODAY: 10}, 1: {TODAY - 2: 10, TODAY - 1: 20}, 2: {TODAY - 2: 10}}
    shares = arrived_shares(delays, AS_OF)
    assert shares is not None
    # g(2) = 10 / 40, of day -2; g(1) = 30 / 70, of days -2 and -1
    assert shares[:3] == pytest.approx((0.75 * 40 / 70, 0.75, 1.0))
    assert share_to_come(shares, AS_OF - timedelta(days=1), AS_OF) == pytest.approx(0.25)
    assert share_to_come(shares, AS_OF - timedelta(days=400), AS_OF) == 0
    assert share_to_come(shares, AS_OF + timedelta(days=1), AS_OF) == 1
    come = {TODAY: 10, TODAY - 1: 40, TODAY - 2: 40}
    expected = 10 / shares[0] + 40 / 0.75 + 40
    assert share_of_span_to_come(shares, come, AS_OF) == pytest.approx(1 - 90 / expected)


def test_of_few_results_nothing_is_said() -> None:
    assert arrived_shares({0: {TODAY: 29}}, AS_OF) is None
    assert arrived_shares({0: {TODAY - 200: 1000}}, AS_OF) is None
    assert arrived_shares({0: {TODAY: 30}}, AS_OF) == (1.0,) * (LONGEST + 1)
    assert share_of_span_to_come((1.0,) * (LONGEST + 1), {}, AS_OF) == 0


def test_known_delays_are_found_again() -> None:
    """Of 90 days of results, cut off today, the estimate is close to the delays that made them; a plain mean is not."""
    rng = random.Random(3)
    wanted = [min(1.0, 0.2 + 0.06 * delay) for delay in range(LONGEST + 1)]
    delays: dict[int, Counter[int]] = defaultdict(Counter)
    for day in range(TODAY - 89, TODAY + 1):
        for _ in range(200):
            draw = rng.random()
            delay = next(delay for delay, share in enumerate(wanted) if draw < share or share == 1.0)
            if day + delay <= TODAY:
                delays[delay][day] += 1
    shares = arrived_shares(delays, AS_OF)
    assert shares is not None
    assert shares == pytest.approx(wanted, abs=0.02)
    known = sum(sum(of_delay.values()) for of_delay in delays.values())
    plain = sum(delays[0].values()) / known
    assert abs(plain - wanted[0]) > 0.005


def test_a_result_is_noted_once_with_how_late_it_came() -> None:
    shard = MemoryShard(LabStage())
    sample = {**sample_taken("S"), "revision": 1, "status": "taken", "source": "i"}
    shard.partition = home_of(b"S", 12)

    def arrive(topic: str, event: dict[str, Any], day: int) -> None:
        moment = int(datetime(2024, 3, day, 16, 30, tzinfo=UTC).timestamp() * 1000)  # in Shanghai the day after
        body = json.dumps({**event, "source": "s", "event_id": f"{event.get('type')}{event.get('revision')}"}).encode()
        shard.feed([FakeRecord(topic, 0, b"S", body, partition=shard.partition, timestamp=moment)])

    first = result("S", "lab")  # issued on 2024-03-01
    arrive(LAB_RESULTS.name, first, 2)
    arrive(SAMPLES.name, sample, 4)
    arrive(LAB_RESULTS.name, amended(first), 9)
    # taken back and amended again, it counts again, and has not come again
    arrive(LAB_RESULTS.name, withdrawn(first, revision=3), 10)
    arrive(LAB_RESULTS.name, amended(first, revision=4), 12)
    packed = shard.redis.hashes[delays_key(shard.partition, "food|supervision")]
    assert list(packed) == ["4"]
    codes, counts = arrays_of(packed["4"])
    assert (codes.tolist(), counts.tolist()) == ([day_number(date(2024, 3, 1)) * 8], [1])
