"""The query API: an open loop of 200 requests a second on a year of a city's data, quiet and while results come in.

Requests are sent at their moments whatever has been answered, and timed from those moments: a server that falls behind
is not given time to catch up.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import numpy as np

from bench.feed import Feeder, Record
from bench.observe import Observer
from bench.options import Options
from bench.rig import Rig, since
from schemas.topics import LAB_RESULTS, SAMPLING_EVENTS
from services.simulate.simulate import SimulatedEvent, simulate

_PER_SECOND = 200
#: The parts: samples with their results that come in each second meanwhile. A city takes one in some minutes.
_PARTS = {"quiet": 0, "under input": 2, "under ten times the input": 20}
_WARM_UP_S = 5
_YEAR = date(2025, 1, 1)
_PROGRAMMES = (("food", "supervision", 6), ("food_rapid", "supervision", 2), ("food", "risk_monitoring", 1))
_CUTS = ("all", "city", "county", "category_1", "category_2", "stage", "laboratory", "county_category")
_WINDOWS = ("7d", "30d", "90d", "365d", "ytd")

#: A kind of request, its path with the query, and whether it is asked with the tag of the answer before.
Question = tuple[str, str, bool]


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """Feeds the year through both services, and asks."""
    for name in ("sampling", "lab_results"):
        rig.start(name)
    [asked] = [service for service in rig.services if service.name.startswith("lab_results")]
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        await _feed(feeder, simulate(options.query_samples, 1, _YEAR))
        await observer.settle("sampling", "lab_results")
        async with aiohttp.ClientSession(asked.http, connector=aiohttp.TCPConnector(limit=0)) as session:
            cells = await _cells(session)
            resident = asked.rss()
            found: dict[str, Any] = {"samples": options.query_samples, "first": await _first(session, cells)}
            await _load(session, _questions(cells, 1), _WARM_UP_S)
            for part, rate in _PARTS.items():
                before = rig.cpu()
                input_ = asyncio.create_task(_keep_coming(feeder, rate, options.query_seconds))
                answers = await _load(session, _questions(cells, 2), options.query_seconds)
                await input_
                found[part] = {**_summary(answers), "processor_seconds": since(rig.cpu(), before)}
                await observer.settle("sampling", "lab_results")
        found["resident_mb"] = {"before": round(resident / 2**20, 1), "after": round(asked.rss() / 2**20, 1)}
    rig.stop_services()
    return found


async def _feed(feeder: Feeder, events: Iterable[SimulatedEvent]) -> None:
    records: dict[str, list[Record]] = {SAMPLING_EVENTS.name: [], LAB_RESULTS.name: []}
    for event in events:
        topic = LAB_RESULTS.name if event.is_result else SAMPLING_EVENTS.name
        records[topic].append((event.sample_id.encode(), event.value))
    for topic, of_topic in records.items():
        await feeder.write(topic, of_topic)


async def _keep_coming(feeder: Feeder, per_second: int, seconds: int) -> None:
    if not per_second:
        return
    events = list(simulate(per_second * seconds, 2, _YEAR))
    started = time.monotonic()
    for tick in range(10 * seconds):
        await _feed(feeder, events[len(events) * tick // (10 * seconds) : len(events) * (tick + 1) // (10 * seconds)])
        await asyncio.sleep(max(0.0, started + (tick + 1) / 10 - time.monotonic()))


async def _cells(session: aiohttp.ClientSession) -> dict[str, list[str]]:
    """The cells of each cut, to ask for single ones."""
    found = {}
    for cut in _CUTS:
        async with session.get(f"/rates?cut={cut}&domain=food&plan=supervision&limit=5000") as response:
            found[cut] = [row["cell"] for row in (await response.json())["rates"]]
    return found


def _questions(cells: dict[str, list[str]], seed: int) -> Iterator[Question]:
    """What dashboards and people ask, the same for every run: few of the questions are asked twice."""
    dice = random.Random(seed)
    asked: list[str] = []
    while True:
        domain, plan, _ = dice.choices(_PROGRAMMES, [weight for *_, weight in _PROGRAMMES])[0]
        cut = dice.choice(_CUTS)
        day = _YEAR + timedelta(days=dice.randrange(30, 420))
        of = f"domain={domain}&plan={plan}&cut={cut}"
        window = f"window={dice.choice(_WINDOWS)}&as_of={day}"
        span = f"from={day - timedelta(days=dice.randrange(1, 400))}&to={day}"
        cell = f"cell={quote(dice.choice(cells[cut]))}"
        kind, path = dice.choices(
            [
                ("rates of a cut", f"/rates?{of}&{window}"),
                ("rates of a cell", f"/rates?{of}&{cell}&{span}"),
                ("all programmes", f"/rates?cut={cut}&{cell}&{window}"),
                ("series of a cut", f"/rates/series?{of}&by={dice.choice(('week', 'month'))}&{span}"),
                ("days of a cell", f"/rates/series?{of}&{cell}&by=day&{span}"),
                ("ranking", f"/rates/ranking?{of}&{window}"),
            ],
            [35, 15, 10, 10, 10, 10],
        )[0]
        if asked and dice.random() < 0.1:
            yield "asked again, with the tag", dice.choice(asked[-20:]), True
            continue
        asked.append(path)
        yield kind, path, False


async def _first(session: aiohttp.ClientSession, cells: dict[str, list[str]]) -> dict[str, float]:
    """Milliseconds of the first request for each cut of all programmes, when nothing but the listing is in memory."""
    found = {}
    for cut in cells:
        started = time.perf_counter()
        async with session.get(f"/rates?cut={cut}&window=365d&as_of=2025-12-31") as response:
            await response.read()
        found[cut] = round(1000 * (time.perf_counter() - started), 1)
    return found


async def _load(session: aiohttp.ClientSession, questions: Iterator[Question], seconds: int) -> list[tuple[str, float]]:
    """The kind and the milliseconds of each answer."""
    tags: dict[str, str] = {}
    answers: list[tuple[str, float]] = []

    async def ask(kind: str, path: str, again: bool, due: float) -> None:
        headers = {"If-None-Match": tags[path]} if again and path in tags else {}
        async with session.get(path, headers=headers) as response:
            body = await response.read()
            if response.status not in (200, 304):
                raise RuntimeError(f"GET {path}: {response.status} {body[:300]!r}")
            tags[path] = response.headers["ETag"]
        answers.append((kind, 1000 * (time.monotonic() - due)))

    started = time.monotonic() + 0.1
    asking = []
    for number in range(seconds * _PER_SECOND):
        due = started + number / _PER_SECOND
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        asking.append(asyncio.create_task(ask(*next(questions), due)))
    await asyncio.gather(*asking)
    return answers


def _summary(answers: list[tuple[str, float]]) -> dict[str, Any]:
    by_kind: dict[str, list[float]] = defaultdict(list)
    for kind, milliseconds in answers:
        by_kind[kind].append(milliseconds)
    return {
        "requests": len(answers),
        "milliseconds": _percentiles([milliseconds for _, milliseconds in answers]),
        "by_kind": {kind: _percentiles(found) for kind, found in sorted(by_kind.items())},
    }


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    found = {f"p{point:g}": float(np.percentile(milliseconds, point)) for point in (50, 95, 99)}
    return {name: round(value, 2) for name, value in {**found, "max": max(milliseconds)}.items()}


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    lines = [
        (f"first request of a cut, {found['samples']:,} samples, ms", ", ".join(map(_pair, found["first"].items())))
    ]
    for part in _PARTS:
        of = found[part]
        lines.append((f"{part}: {of['requests']:,} requests, ms", ", ".join(map(_pair, of["milliseconds"].items()))))
        lines += [
            (f"{part}: {kind}, ms", ", ".join(map(_pair, spread.items()))) for kind, spread in of["by_kind"].items()
        ]
        used = of["processor_seconds"]
        lines.append((f"{part}: processor seconds", ", ".join(f"{name} {s:.1f}" for name, s in used.items())))
    return [*lines, ("lab_results: resident, MB", ", ".join(map(_pair, found["resident_mb"].items())))]


def _pair(pair: tuple[str, float]) -> str:
    return f"{pair[0]} {pair[1]}"
