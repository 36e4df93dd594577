"""Alerts: 100,000 open ones raised by failing verdicts, then listed and filtered, quiet and while inspectors work.

The requests come in an open loop: at their moments, whatever has been answered, and timed from those moments.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import aiohttp
import numpy as np

from bench.feed import COUNTRY, Feeder, Record, sample_id, samples
from bench.observe import Observer
from bench.options import Options
from bench.rig import Rig, since
from schemas.topics import ALERT_COMMANDS, ALERT_EVENTS, VERDICTS

_PER_SECOND, _SECONDS = 50, 20
_COMMANDS_PER_SECOND = 50
_PATIENCE_S = 300.0
_ITEMS = (
    ("沙门氏菌", "检出", None, "absent"),
    ("氯霉素", "1.2", None, "absent"),
    ("铅(以Pb计)", "0.31", "0.2", "max"),
    ("毒死蜱", "0.09", "0.02", "max"),
    ("菌落总数", "50000", "10000", "max"),
    ("蛋白质", "2.1", "2.9", "min"),
    ("标签", "不符合", None, None),
)
#: A kind of request, its path, and whether it is asked with the tag of the answer before.
Question = tuple[str, str, bool]


async def run(rig: Rig, options: Options, _found: dict[str, Any]) -> dict[str, Any]:
    """Raises the alerts, and asks for them."""
    rig.start("alerts")
    [service] = rig.services
    found: dict[str, Any] = {"alerts": options.alerts, "resident_mb": {"empty": _mb(service.rss())}}
    async with Observer(rig) as observer, Feeder(rig.bootstrap) as feeder:
        before, started = rig.cpu(), time.monotonic()
        await feeder.write(VERDICTS.name, list(_verdicts(options.alerts)))
        while await observer.count(ALERT_EVENTS.name) < options.alerts:
            await asyncio.sleep(0.1)
            if time.monotonic() > started + _PATIENCE_S:
                raise RuntimeError(f"{await observer.count(ALERT_EVENTS.name)} of {options.alerts} alerts were raised")
        used = since(rig.cpu(), before)
        found["raising"] = {"seconds": round(time.monotonic() - started, 1), "processor_seconds": used}
        found["resident_mb"]["raised"] = _mb(service.rss())
        found["redis_bytes_per_alert"] = round((await observer.redis.info("memory"))["used_memory"] / options.alerts)
        async with aiohttp.ClientSession(service.http, connector=aiohttp.TCPConnector(limit=0)) as session:
            started = time.perf_counter()
            rows = await _page(session, "/alerts?limit=500")
            found["first_request_ms"] = round(1000 * (time.perf_counter() - started))
            await _load(session, _questions(rows, 1), 3)
            found["resident_mb"]["indexed"] = _mb(service.rss())
            for part, rate in (("quiet", 0), ("under commands", _COMMANDS_PER_SECOND)):
                before = rig.cpu()
                orders = asyncio.create_task(_order(feeder, rows, rate, _SECONDS))
                answers = await _load(session, _questions(rows, 2), _SECONDS)
                await orders
                found[part] = {**_summary(answers), "processor_seconds": since(rig.cpu(), before)}
                found["resident_mb"][part] = _mb(service.rss())
    rig.stop_services()
    return found


def _verdicts(count: int) -> Iterator[Record]:
    for number, (key, value) in enumerate(samples(range(count), COUNTRY)):
        sample = json.loads(value)
        item, measured, limit, kind = _ITEMS[number % len(_ITEMS)]
        failed = {"item": item, "value": measured, "limit": limit, "limit_kind": kind, "unit": "mg/kg"}
        sample |= {
            "status": "concluded",
            "outcome": "fail",
            "measure": "qualification",
            "concluded_at": "2026-03-05T08:00:00+08:00",
            "report_no": f"R-{number}",
            "lab_id": f"L{number % 800}",
            "items": 20,
            "failed_items": [{name: value for name, value in failed.items() if value is not None}],
        }
        yield key, json.dumps(sample, ensure_ascii=False).encode()


def _questions(rows: list[dict[str, Any]], seed: int) -> Iterator[Question]:
    """What inspectors and their screens ask, the same for every run."""
    dice, asked = random.Random(seed), [""]
    while True:
        row = dice.choice(rows)
        kind, path = dice.choices(
            [
                ("newest open", "/alerts?open=true&limit=50"),
                ("of a county", f"/alerts?open=true&area={row['area']}&limit=50"),
                ("of a province", f"/alerts?open=true&area={row['area'][:2]}&limit=50"),
                ("by severity", f"/alerts?state=raised&severity={row['severity']}&limit=50"),
                ("by class and place", f"/alerts?item_class={row['item_class']}&area={row['area'][:4]}&limit=50"),
                ("of a sample", f"/alerts?sample_id={sample_id(dice.randrange(len(rows)))}"),
                ("a later page", f"/alerts?open=true&limit=50&after={_place(row)}"),
                ("one with its history", f"/alerts/{row['alert_id']}"),
            ],
            [20, 20, 10, 15, 10, 10, 10, 5],
        )[0]
        if dice.random() < 0.1 and asked[-1]:
            yield "asked again, with the tag", dice.choice(asked[-20:]), True
            continue
        asked.append(path)
        yield kind, path, False


def _place(row: dict[str, Any]) -> str:
    from services.alerts.values import milliseconds_of, tie_of

    return f"{milliseconds_of(row['changed_at'])}-{tie_of(row['alert_id'])}"


async def _page(session: aiohttp.ClientSession, path: str) -> list[dict[str, Any]]:
    async with session.get(path) as response:
        found: list[dict[str, Any]] = await response.json()
        return found


async def _order(feeder: Feeder, rows: list[dict[str, Any]], per_second: int, seconds: int) -> None:
    """Acknowledges, acts on and closes alerts, so many commands a second; a command lies in its alert's partition."""
    started = time.monotonic()
    for tick in range(seconds * per_second):
        row = rows[tick // 3 % len(rows)]
        kind, more = (("Acknowledge", {}), ("Act", {"action": "下架"}), ("Close", {"reason": "处置完毕"}))[tick % 3]
        body = {"type": kind, "source": "bench", "event_id": f"c{tick}", "alert_id": row["alert_id"], "by": "李"}
        body |= {"at": "2026-03-06T08:00:00+08:00", **more}
        await feeder.write(ALERT_COMMANDS.name, [(row["alert_id"].encode(), json.dumps(body).encode())])
        await asyncio.sleep(max(0.0, started + (tick + 1) / per_second - time.monotonic()))


async def _load(session: aiohttp.ClientSession, questions: Iterator[Question], seconds: int) -> list[tuple[str, float]]:
    """The kind and the milliseconds of each answer."""
    tags: dict[str, str] = {}
    answers: list[tuple[str, float]] = []

    async def ask(kind: str, path: str, again: bool, due: float) -> None:
        headers = {"If-None-Match": tags[path]} if again and path in tags else {}
        async with session.get(path, headers=headers) as response:
            await response.read()
            if response.status not in (200, 304):
                raise RuntimeError(f"{path}: {response.status}")
            tags[path] = response.headers.get("ETag", "")
        answers.append((kind, 1000 * (time.perf_counter() - due)))

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(seconds * _PER_SECOND):
            due = started + number / _PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(*next(questions), due))
    return answers


def _summary(answers: list[tuple[str, float]]) -> dict[str, Any]:
    by_kind: dict[str, list[float]] = defaultdict(list)
    for kind, milliseconds in answers:
        by_kind[kind].append(milliseconds)
    every = [milliseconds for _, milliseconds in answers]
    return {
        "requests": len(every),
        "milliseconds": _spread(every),
        "by_kind": {kind: _spread(of) for kind, of in sorted(by_kind.items())},
    }


def _spread(milliseconds: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(max(milliseconds), 1)}


def _mb(size: int) -> float:
    return round(size / 2**20, 1)


def table(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the printed table."""
    raising = found["raising"]
    used = sum(raising["processor_seconds"].values())
    lines = [
        (
            f"{found['alerts']:,} alerts raised, seconds (all processes' processor seconds)",
            f"{raising['seconds']} ({used:.1f})",
        ),
        ("Redis, bytes for each alert", f"{found['redis_bytes_per_alert']:,}"),
        ("first request, ms: reads them all", f"{found['first_request_ms']:,}"),
    ]
    for part in ("quiet", "under commands"):
        of = found[part]
        lines.append((f"{part}: {of['requests']:,} requests, ms", _pairs(of["milliseconds"])))
        lines += [(f"{part}: {kind}, ms", _pairs(spread)) for kind, spread in of["by_kind"].items()]
    return [*lines, ("resident, MB", _pairs(found["resident_mb"]))]


def _pairs(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
