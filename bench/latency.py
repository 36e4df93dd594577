"""Latency: from a failing result's acknowledgement to its alert in the hands of a consumer, all services running."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.feed import COUNTRY, FAIL_RATIO, PEERS, Feeder, Variety, fails, results, sample_id, samplings
from bench.observe import STAGES, Observer
from bench.options import Options
from bench.rig import Rig
from schemas.topics import ALERT_EVENTS, LAB_RESULTS, SAMPLING_EVENTS, VERDICTS
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS

#: Not counted: the first events find cold caches.
_WARM_UP_S = 3
_LAST_ALERT_S = 20.0
#: The cells, and how many of the results fail.
_CASES = (
    ("peers' cells", PEERS, 1.0),
    ("a country's cells", COUNTRY, 1.0),
    ("peers' cells, few fail", PEERS, FAIL_RATIO),
)


class _Head(msgspec.Struct):
    sample_id: str


class _Load(NamedTuple):
    """What is sent: a result of each of these samples, so many a second, of which such a part fails."""

    numbers: range
    variety: Variety
    rate: int
    fail_ratio: float

    @property
    def failing(self) -> set[str]:
        """The samples that fail."""
        return {sample_id(number) for number in self.numbers if fails(number, self.fail_ratio)}


_decode = msgspec.json.Decoder(_Head).decode
#: The moment of each sample's send, acknowledgement or alert, on this process's clock.
Moments = dict[str, float]


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """On the peers' cells and on those of a country and a year, all results failing; and with as few as really fail."""
    found: dict[str, Any] = {}
    rate = options.latency_rate
    total, first = (_WARM_UP_S + options.latency_seconds) * rate, 0
    for name in STAGES:
        rig.start(name)
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        for name, variety, fail_ratio in _CASES:
            numbers = range(first, first + total)
            await feeder.write(SAMPLING_EVENTS.name, samplings(numbers, variety))
            await observer.settle(*STAGES)
            found[name] = await _case(rig, _Load(numbers, variety, rate, fail_ratio))
            await observer.settle(*STAGES)
            first = numbers.stop
    rig.stop_services()
    return found


async def _case(rig: Rig, load: _Load) -> dict[str, Any]:
    """Sends at an even pace, and reads the alerts in the same process, so that one clock measures both ends."""
    # before anything is sent: to work them out takes the reader's time
    all_failing = load.failing
    sent, acknowledged, concluded, alerted = await _measure(rig, load, len(all_failing))
    counted = [sample_id(number) for number in load.numbers[_WARM_UP_S * load.rate :]]
    failing = all_failing.intersection(counted)
    reached = [name for name in failing if name in alerted and name in acknowledged]
    spread = max(sent[name] for name in counted) - min(sent[name] for name in counted)
    return {
        "events": len(counted),
        "failing": len(failing),
        "without_alert": len(failing) - len(reached),
        "events_per_second": round((len(counted) - 1) / spread, 1),
        "acknowledged_to_alert_ms": _percentiles([alerted[name] - acknowledged[name] for name in reached]),
        "acknowledged_to_verdict_ms": _percentiles([concluded[name] - acknowledged[name] for name in reached]),
        "sent_to_alert_ms": _percentiles([alerted[name] - sent[name] for name in reached]),
        "sent_to_acknowledged_ms": _percentiles([acknowledged[name] - sent[name] for name in reached]),
    }


async def _measure(rig: Rig, load: _Load, alerts: int) -> tuple[Moments, Moments, Moments, Moments]:
    found: dict[str, Moments] = {VERDICTS.name: {}, ALERT_EVENTS.name: {}}
    alerted = found[ALERT_EVENTS.name]
    producer = AIOKafkaProducer(bootstrap_servers=rig.bootstrap, acks="all")
    consumer = AIOKafkaConsumer(bootstrap_servers=rig.bootstrap)
    await producer.start()
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for topic in found for number in range(PARTITIONS)])
        await consumer.seek_to_end()
        reading = asyncio.create_task(_read(consumer, found))
        sent, acknowledged = await _send(producer, load)
        deadline = time.monotonic() + _LAST_ALERT_S
        while len(alerted) < alerts and time.monotonic() < deadline and not reading.done():
            await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    finally:
        await consumer.stop()
        await producer.stop()
    return sent, acknowledged, found[VERDICTS.name], alerted


async def _read(consumer: AIOKafkaConsumer, found: dict[str, Moments]) -> None:
    while True:
        batches = await consumer.getmany(timeout_ms=1000)
        now = time.perf_counter()
        for place, records in batches.items():
            for record in records:
                found[place.topic].setdefault(_decode(record.value).sample_id, now)


async def _send(producer: AIOKafkaProducer, load: _Load) -> tuple[Moments, Moments]:
    sent: Moments = {}
    acknowledged: Moments = {}
    started = time.perf_counter()
    pending = []
    source = results(load.numbers, load.variety, load.fail_ratio)
    for number, (key, value) in zip(load.numbers, source, strict=True):
        if (wait := started + (number - load.numbers.start) / load.rate - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        name = sample_id(number)
        sent[name] = time.perf_counter()
        partition = home_of(key, PARTITIONS)
        future = await producer.send(LAB_RESULTS.name, value, key, partition=partition)
        future.add_done_callback(lambda _, name=name: acknowledged.setdefault(name, time.perf_counter()))
        pending.append(future)
    await asyncio.gather(*pending)
    return sent, acknowledged


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    found = np.percentile(np.array(seconds) * 1000, (50, 95, 99, 100))
    return dict(zip(("p50", "p95", "p99", "max"), (round(float(value), 1) for value in found), strict=True))


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    names = ("acknowledged_to_alert_ms", "acknowledged_to_verdict_ms", "sent_to_alert_ms", "sent_to_acknowledged_ms")
    lines = []
    for cells, case in found.items():
        if isinstance(case, dict):
            unanswered = f"{case['without_alert']} of {case['failing']} without an alert"
            lines.append((f"{cells}: events/s sent", f"{case['events_per_second']:,} ({unanswered})"))
            for name in names:
                text = ", ".join(f"{part} {ms:,}" for part, ms in case[name].items())
                lines.append((f"{cells}: {name.replace('_', ' ')}", text))
    return lines
