"""Throughput: results to verdicts and rates, joined with their samples, by lab_results alone."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench.feed import COUNTRY, PEERS, Feeder, Variety, results, samples
from bench.observe import Observer, rate
from bench.options import Options
from bench.rig import Rig, Step, since
from schemas.topics import LAB_RESULTS, SAMPLES, VERDICTS

#: A service stopped for longer than this may lose its partitions (the session time-out is 10 s).
_PAUSE_LIMIT_S = 8.0
_SERVICE = "lab_results"


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """One process and two on the peers' cells, and one on those of a country and a year."""
    country = options.events // 4  # slower by far, so a part of them does
    cases = (
        ("one process", PEERS, 1, options.events),
        ("two processes", PEERS, 2, options.events),
        ("one process, a country's cells", COUNTRY, 1, country),
    )
    found: dict[str, Any] = {}
    first = 0
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        for name, variety, processes, events in cases:
            rig.start(_SERVICE, processes)
            rounds = []
            for _ in range(options.rounds):
                numbers = range(first, first + events)
                rounds.append(await _round(rig, observer, feeder, variety, numbers))
                first = numbers.stop
            rig.stop_services()
            found[name] = _middle(rounds)
    found["two to one"] = round(found["two processes"]["steady"] / found["one process"]["steady"], 2)
    return found


async def _round(rig: Rig, observer: Observer, feeder: Feeder, variety: Variety, numbers: range) -> dict[str, Any]:
    """All results lie there when the service goes on, so neither its start nor the feeder is part of the time."""
    await feeder.write(SAMPLES.name, samples(numbers, variety))
    await observer.settle(_SERVICE)
    packed = feeder.pack(results(numbers, variety))
    size = sum(batch.size() for _, batch in packed) / len(numbers)
    before, goal = await observer.count(VERDICTS.name), len(numbers)
    steps, cpu = rig.steps(), rig.cpu()
    paused_at = time.monotonic()
    with rig.paused():
        await feeder.send(LAB_RESULTS.name, packed)
        if time.monotonic() - paused_at > _PAUSE_LIMIT_S:
            raise TimeoutError("the results took so long to write that the service may have lost its partitions")
        cpu = rig.cpu()
    del packed
    gc.collect()

    async def verdicts() -> int:
        return await observer.count(VERDICTS.name) - before

    curve = await observer.follow(verdicts, goal)
    used = since(rig.cpu(), cpu)
    verdicts_at = time.monotonic()
    await observer.settle(_SERVICE)
    return {
        "events": goal,
        "overall": round(rate(curve, goal)),
        "steady": round(rate(curve, goal, 0.05, 0.95)),
        "seconds": round(curve[-1][0], 2),
        "rates_behind_seconds": round(time.monotonic() - verdicts_at, 2),
        "events_per_processor_second": round(goal / used[_SERVICE]),
        "machine_used_by_others": round(used["others"] / curve[-1][0] / (os.cpu_count() or 1), 2),
        "bytes_per_event_in_kafka": round(size),
        "cpu_seconds": used,
        "steps": _per_event(rig.steps(), steps, goal),
    }


def _per_event(now: dict[Step, float], before: dict[Step, float], events: int) -> dict[str, float]:
    """Microseconds of each step for one result. Steps that wait (load, apply, publish) overlap with others."""
    return {
        f"{stage} {step}": round((seconds - before.get((stage, step), 0.0)) / events * 1e6, 2)
        for (stage, step), seconds in sorted(now.items())
    }


def _middle(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The round with the median rate, and the rates of all."""
    median = statistics.median_low(each["steady"] for each in rounds)
    middle = next(each for each in rounds if each["steady"] == median)
    return {**middle, "steady_of_all_rounds": [each["steady"] for each in rounds]}


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    lines = []
    for name, case in found.items():
        if isinstance(case, dict):
            cpu = ", ".join(f"{who} {seconds:.1f}" for who, seconds in case["cpu_seconds"].items())
            steps = ", ".join(f"{step} {time_:.1f}" for step, time_ in case["steps"].items())
            lines += [
                (f"{name}: events/s, 5 % to 95 %", f"{case['steady']:,}"),
                (f"{name}: events/s, overall", f"{case['overall']:,}"),
                (f"{name}: events per processor second of lab_results", f"{case['events_per_processor_second']:,}"),
                (f"{name}: part of the machine that others used", f"{case['machine_used_by_others']:.0%}"),
                (f"{name}: processor seconds in {case['seconds']} s", cpu),
                (f"{name}: µs per event by step", steps),
            ]
    return [*lines, ("two processes to one", f"{found['two to one']:.2f}")]
