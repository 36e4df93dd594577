"""Memory: what a sample and a cell's day cost in Redis, what of the processor, and whether services grow under load."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from bench.feed import COUNTRY, Feeder, Record, results, samplings
from bench.observe import STAGES, Observer
from bench.options import Options
from bench.rig import Rig, since
from bench.weigh import weigh_cells, weigh_samples
from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS

#: Samples a second under load, each with its result.
_PER_SECOND = 250
_MB = 2**20


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """Weighs the state of so many samples, then watches the services' memory while more come."""
    count = options.memory_samples
    country = COUNTRY.in_order(count)
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        for name in STAGES:
            rig.start(name)
        empty, cpu = await observer.used_memory(), rig.cpu()
        await feeder.write(SAMPLING_EVENTS.name, samplings(range(count), country))
        await feeder.write(LAB_RESULTS.name, results(range(count), country))
        await observer.settle(*STAGES)
        used, spent = await observer.used_memory() - empty, since(rig.cpu(), cpu)
        found = {
            "samples": count,
            "used_memory_per_sample": round(used / count),
            "processor_us_per_sample": {who: round(seconds / count * 1e6) for who, seconds in spent.items()},
            **await weigh_samples(observer, count),
            **await weigh_cells(observer),
        }
        found["resident"] = await _soak(rig, feeder, options.soak_minutes, count)
        await observer.settle(*STAGES)
    rig.stop_services()
    return found


async def _soak(rig: Rig, feeder: Feeder, minutes: float, first: int) -> dict[str, Any]:
    """Resident memory once a second while samples and results come at an even pace."""
    seconds = round(minutes * 60)
    readings: dict[str, list[float]] = defaultdict(list)
    taken, reported = _rounds(samplings(range(first, 10**8), COUNTRY)), _rounds(results(range(first, 10**8), COUNTRY))
    started = time.monotonic()
    for second in range(seconds):
        rig.check_running()
        await feeder.write(SAMPLING_EVENTS.name, next(taken))
        await feeder.write(LAB_RESULTS.name, next(reported))
        for service in rig.services:
            readings[service.name].append(service.rss() / _MB)
        await asyncio.sleep(max(0.0, started + second + 1 - time.monotonic()))
    found = {name: _trend(values) for name, values in readings.items()}
    return {"minutes": minutes, "events_per_second": 2 * _PER_SECOND, **found}


def _rounds(records: Iterator[Record]) -> Iterator[list[Record]]:
    while True:
        yield list(islice(records, _PER_SECOND))


def _trend(megabytes: list[float]) -> dict[str, float]:
    """First, last and highest; the slope is that of the last two thirds, after the caches have filled."""
    late = megabytes[len(megabytes) // 3 :]
    slope = np.polyfit(np.arange(len(late)) / 60, late, 1)[0] if len(late) > 1 else 0.0
    return {
        "first_mb": round(megabytes[0], 1),
        "last_mb": round(megabytes[-1], 1),
        "highest_mb": round(max(megabytes), 1),
        "mb_per_minute": round(float(slope), 3),
    }


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    kinds = ", ".join(f"{kind} {size}" for kind, size in found["bytes_per_sample_by_kind"].items())
    resident, spent = found["resident"], found["processor_us_per_sample"]
    lines = [
        ("bytes a sample, without counts of cells", f"{found['bytes_per_sample']}"),
        ("bytes a sample, used_memory in all", f"{found['used_memory_per_sample']}"),
        ("bytes a sample by kind of key", kinds),
        (f"bytes a cell-day, of {found['cell_days']:,}", f"{found['bytes_per_cell_day']}"),
        ("bytes a cell-day of one partition", f"{found['bytes_per_cell_day_of_a_partition']}"),
        ("processor, µs a sample with its result", ", ".join(f"{who} {us}" for who, us in spent.items())),
    ]
    for name, trend in resident.items():
        if isinstance(trend, dict):
            text = f"{trend['first_mb']} to {trend['last_mb']} MB, {trend['mb_per_minute']:+} MB a minute"
            lines.append((f"{name}: resident over {resident['minutes']:g} minutes", text))
    return lines
