"""Rebuild: Redis is wiped under running services, and everything is read again from Kafka, which keeps what follows."""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import islice
from typing import Any, cast

from bench.feed import COUNTRY, Feeder, results, samples
from bench.observe import Curve, Observer, moment
from bench.options import Options
from bench.rig import Rig, since
from bench.weigh import weigh_cells
from schemas.topics import LAB_RESULTS, SAMPLES
from services.lab_results.stage import LabStage

#: The samples that the whole country takes in a year.
_COUNTRY_YEAR = 7_000_000
_SERVICE = "lab_results"
_CASES = (("one process", 1), ("two processes", 2))
_STEP = 100_000
_TIMEOUT_S = 1800
#: A look takes the processor some milliseconds, which the services then lack.
_LOOK_S = 0.25


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """With one process and with two, on the same topics."""
    found: dict[str, Any] = {"samples": options.rebuild}
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        numbers, variety = iter(range(options.rebuild)), COUNTRY.in_order(options.rebuild)
        while step := list(islice(numbers, _STEP)):
            await feeder.write(SAMPLES.name, samples(step, variety))
            await feeder.write(LAB_RESULTS.name, results(step, variety))
        # once, so that what follows from them is published
        started = time.monotonic()
        rig.start(_SERVICE, 2)
        await _all_applied(observer, options.rebuild)
        found["first_time_seconds"] = round(time.monotonic() - started, 1)
        await observer.settle(_SERVICE)
        rig.stop_services()
        for name, processes in _CASES[options.rebuild_least - 1 :]:
            # its start finds an empty Redis: wiped once it is at work, so that the time is that of the rebuild alone
            await cast(Any, observer.redis.flushall())
            rig.start(_SERVICE, processes)
            try:
                found[name] = await _rebuild(rig, observer, options.rebuild)
            except (RuntimeError, TimeoutError) as error:
                # what the other has shown is worth keeping
                print(error, file=sys.stderr)
                found[name] = {"failed": str(error).splitlines()[0]}
            rig.stop_services()
        found |= await weigh_cells(observer)
    return found


async def _applied(observer: Observer) -> int:
    return sum((await observer.applied(LabStage.name, LabStage.topics)).values())


async def _all_applied(observer: Observer, count: int) -> Curve:
    """When how many samples and results were applied, until all are."""
    return await observer.follow(lambda: _applied(observer), 2 * count, _TIMEOUT_S, every=_LOOK_S)


async def _rebuild(rig: Rig, observer: Observer, count: int) -> dict[str, Any]:
    goal = 2 * count  # samples and results
    while await _applied(observer) == 0:
        rig.check_running()
        await asyncio.sleep(0.05)
    cpu, started = rig.cpu(), time.monotonic()
    await cast(Any, observer.redis.flushall())
    curve = await _all_applied(observer, count)
    used = since(rig.cpu(), cpu)
    await observer.settle(_SERVICE)
    return {
        "seconds": round(curve[-1][0], 1),
        "noticed_after_seconds": round(moment(curve, 1), 2),
        "samples_per_second": round(count / curve[-1][0]),
        "seconds_at_quarters": [round(moment(curve, part * goal / 4), 1) for part in (1, 2, 3, 4)],
        "seconds_per_million": round(_slope(curve, count) * 1e6, 1),
        "seven_million_minutes": round((curve[-1][0] + _slope(curve, count) * (_COUNTRY_YEAR - count)) / 60, 1),
        "rates_at_the_ends_seconds": round(time.monotonic() - started, 1),
        "redis_used_memory_mb": round(await observer.used_memory() / 2**20),
        "cpu_seconds": used,
    }


def _slope(curve: Curve, count: int) -> float:
    """Seconds for each further sample with its result, where caches are warm and hashes large: over the second half of
    the samples and the second half of the results, since a rebuild reads the ones before the others."""
    samples_s = moment(curve, count) - moment(curve, count / 2)
    results_s = moment(curve, 2 * count) - moment(curve, 1.5 * count)
    return (samples_s + results_s) / (count / 2)


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    lines = [("two processes, the first time: seconds", f"{found['first_time_seconds']:,}")]
    for name, _ in _CASES:
        case = found.get(name)
        if case is None:
            continue
        if "failed" in case:
            lines.append((name, f"failed: {case['failed']}"))
            continue
        lines += [
            (f"{name}: seconds for {found['samples']:,} samples and results", f"{case['seconds']:,}"),
            (f"{name}: seconds at each quarter", ", ".join(map(str, case["seconds_at_quarters"]))),
            (f"{name}: seconds per million more, second halves", f"{case['seconds_per_million']:,}"),
            (f"{name}: minutes for 7 million, extrapolated", f"{case['seven_million_minutes']:,}"),
            (f"{name}: seconds until the rates are there too", f"{case['rates_at_the_ends_seconds']:,}"),
            (f"{name}: processor seconds", ", ".join(f"{who} {s:.1f}" for who, s in case["cpu_seconds"].items())),
        ]
    lines.append((f"bytes a cell-day, of {found['cell_days']:,}", f"{found['bytes_per_cell_day']}"))
    return lines
