"""GET /alerts: what may be asked, and the answer as rows, the newest first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from redis.asyncio import Redis

from schemas.alerts import AlertKind, AlertState
from schemas.values import Domain, Plan
from services.alerts.store import all_alerts
from services.runtime.parameters import BadParameter

_CHOICES = {
    "kind": get_args(AlertKind),
    "state": get_args(AlertState),
    "domain": get_args(Domain),
    "plan": get_args(Plan),
}
_EXACT = ("sample_id", "alert_id", "item_class", "assignee")
_DEFAULT_LIMIT = 1_000_000


async def alerts(redis: Redis, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    """The alerts that agree with every parameter: kind, state, domain, plan, sample_id, alert_id, item_class,
    assignee, area (a region's beginning); at most `limit`. Raises BadParameter.
    """
    wanted, area, limit = _parse(parameters)
    found = []
    async for packed in all_alerts(redis):
        alert = json.loads(packed)
        if all(alert.get(name) == value for name, value in wanted.items()) and alert["area"].startswith(area):
            found.append(alert)
    found.sort(key=lambda alert: (alert["changed_at"], alert["alert_id"]), reverse=True)
    return found[:limit]


def _parse(parameters: Mapping[str, str]) -> tuple[dict[str, str], str, int]:
    for name, value in parameters.items():
        if name in _CHOICES and value not in _CHOICES[name]:
            raise BadParameter(name, f"is {value!r}, not one of {', '.join(_CHOICES[name])}")
        if name not in (*_CHOICES, *_EXACT, "area", "limit"):
            raise BadParameter(name, "is not a parameter of alerts")
    limit = parameters.get("limit", str(_DEFAULT_LIMIT))
    if not limit.isdecimal():
        raise BadParameter("limit", f"is {limit!r}, not a number")
    wanted = {name: value for name, value in parameters.items() if name not in ("area", "limit")}
    return wanted, parameters.get("area", ""), int(limit)
