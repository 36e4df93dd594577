"""GET /deadlines: which deadlines are near or passed, or every clock of one sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, get_args

from redis.asyncio import Redis

from schemas.deadlines import Liable
from schemas.regions import in_region
from schemas.values import Domain, Plan
from services.deadlines.clocks import Clock
from services.runtime.parameters import BadParameter, limit_of
from services.runtime.partitioning import home_of
from services.runtime.settings import PARTITIONS
from services.sampling.store import load_lives, open_key
from services.sampling.watching import Watcher

_CHOICES: Final = {
    "phase": ("near", "passed"),
    "liable": get_args(Liable),
    "domain": get_args(Domain),
    "plan": get_args(Plan),
}
_SCAN: Final = 500


async def deadlines_of(
    redis: Redis, watcher: Watcher, parameters: Mapping[str, str], now: datetime
) -> list[dict[str, Any]]:
    """The deadlines that agree with every parameter, the earliest first. Raises BadParameter.

    state: near or passed. rule, domain, plan, liable: the value. region: how it begins. limit: at most so many. What
    `sample_id` names is answered with every clock of that sample, also those that run, are met or only shown.
    """
    wanted, region, limit = _parse(parameters, watcher)
    if (sample_id := wanted.pop("sample_id", None)) is not None:
        return await _of_sample(redis, watcher, sample_id, now)
    found = []
    for partition in range(PARTITIONS):
        async for _, value in redis.hscan_iter(open_key(partition), count=_SCAN):
            deadline = json.loads(value)
            if in_region(deadline["region"], region) and all(deadline[name] == it for name, it in wanted.items()):
                found.append(_row(deadline))
    found.sort(key=lambda row: (datetime.fromisoformat(row["due_at"]), row["deadline_id"]))
    return found[:limit]


async def _of_sample(redis: Redis, watcher: Watcher, sample_id: str, now: datetime) -> list[dict[str, Any]]:
    life = (await load_lives(redis, home_of(sample_id.encode(), PARTITIONS), [sample_id])).get(sample_id)
    clocks = [] if life is None else watcher.clocks(life)
    return [clock_row(clock, now) for clock in sorted(clocks, key=lambda clock: clock.due.at)]


def clock_row(clock: Clock, now: datetime) -> dict[str, Any]:
    """A clock as JSON, as it stands at a moment."""
    rule, due = clock.rule, clock.due
    return {
        "rule": rule.id,
        "rule_version": rule.in_force_from.isoformat(),
        "kind": rule.kind,
        "state": clock.state(now),
        "started_at": clock.started_at.isoformat(),
        "near_at": due.near_at.isoformat(),
        "due_at": due.at.isoformat(),
        "met_at": clock.stopped_at.isoformat() if clock.stopped_at else None,
        "late": clock.late,
        "provisional": due.provisional,
        "confirmed": rule.confirmed,
        "title_zh": rule.title_zh,
        "title_en": rule.title_en,
        "law": rule.law,
        "article": rule.article,
        "liable": rule.liable,
    }


def _row(deadline: dict[str, Any]) -> dict[str, Any]:
    return {"state": deadline.pop("phase"), **deadline}


def _parse(parameters: Mapping[str, str], watcher: Watcher) -> tuple[dict[str, str], str, int | None]:
    given = {("phase" if name == "state" else name): value for name, value in parameters.items()}
    for name, value in given.items():
        shown = "state" if name == "phase" else name
        if name in _CHOICES and value not in _CHOICES[name]:
            raise BadParameter(shown, f"is {value!r}, not one of {', '.join(_CHOICES[name])}")
        if name == "rule" and value not in watcher.table.by_id:
            raise BadParameter(name, f"is {value!r}, which the table does not have")
        if name not in (*_CHOICES, "rule", "region", "sample_id", "limit"):
            raise BadParameter(shown, "is not a parameter of deadlines")
    limit = limit_of(given)
    given.pop("limit", None)
    if "sample_id" in given and len(given) > 1:
        raise BadParameter("sample_id", "is asked for alone")
    region = given.pop("region", "")
    return given, region, limit
