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
from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS
from services.runtime.packed_counts import KINDS, arrays_of

#: Samples a second under load, each with its result.
_PER_SECOND = 250
_SCAN = 2000
_MB = 2**20


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """Weighs the state of so many samples, then watches the services' memory while more come."""
    count = options.memory_samples
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        for name in STAGES:
            rig.start(name)
        empty, cpu = await observer.used_memory(), rig.cpu()
        await feeder.write(SAMPLING_EVENTS.name, samplings(range(count), COUNTRY))
        await feeder.write(LAB_RESULTS.name, results(range(count), COUNTRY))
        await observer.settle(*STAGES)
        used, spent = await observer.used_memory() - empty, since(rig.cpu(), cpu)
        found = {
            "samples": count,
            "used_memory_per_sample": round(used / count),
            "processor_us_per_sample": {who: round(seconds / count * 1e6) for who, seconds in spent.items()},
            **await _weigh(observer, count),
        }
        found["resident"] = await _soak(rig, feeder, options.soak_minutes, count)
        await observer.settle(*STAGES)
    rig.stop_services()
    return found


async def _weigh(observer: Observer, samples: int) -> dict[str, Any]:
    """Bytes by kind of key. Keys are ``sw:{stage:partition}:kind…``; the cells of a group are one hash."""
    sizes: dict[str, int] = defaultdict(int)
    part_days, days, parts = 0, set(), 0
    async for keys in _pages(observer):
        weights = await _ask(observer, [("MEMORY USAGE", key, "SAMPLES", 0) for key in keys])
        names = [key.decode() for key in keys]
        for name, weight in zip(names, weights, strict=True):
            sizes[_kind(name)] += weight or 0
        counts = [name for name in names if ":counts:" in name]
        for name, fields in zip(counts, await _ask(observer, [("HGETALL", name) for name in counts]), strict=True):
            group = name.partition("}")[2]
            for value, packed in fields.items():
                of_part = set((arrays_of(packed)[0] // KINDS).tolist())
                parts += 1
                part_days += len(of_part)
                days |= {(group, value, day) for day in of_part}
    cells = sizes["lab:counts"]
    by_sample = sum(size for kind, size in sizes.items() if not kind.startswith(("lab:counts", "rates:")))
    return {
        "bytes_per_sample": round(by_sample / samples, 1),
        "bytes_per_sample_by_kind": {kind: round(size / samples, 1) for kind, size in sorted(sizes.items())},
        "cell_days": len(days),
        "bytes_per_cell_day": round(cells / max(1, len(days)), 1),
        "bytes_per_cell_day_of_a_partition": round(cells / max(1, part_days), 1),
        "days_per_part": round(part_days / max(1, parts), 2),
    }


def _kind(name: str) -> str:
    stage, _, rest = name.removeprefix("sw:{").partition(":")
    kind = rest.partition("}:")[2].split(":")[0]
    return f"{stage}:{kind}"


async def _pages(observer: Observer) -> Any:
    page: list[bytes] = []
    async for key in observer.redis.scan_iter("sw:*", count=_SCAN):
        page.append(key)
        if len(page) >= _SCAN:
            yield page
            page = []
    yield page


async def _ask(observer: Observer, commands: list[tuple[Any, ...]]) -> list[Any]:
    pipeline = observer.redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    return list(await pipeline.execute()) if commands else []


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
