"""GET /alerts: what may be asked, and the answer, what changed last first; GET /alerts/ID: one with its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple, cast, get_args

from redis.asyncio import Redis

from schemas.alerts import AlertKind, AlertState, Level, Severity, Status, Urgency
from schemas.values import Domain, Measure, Plan
from services.alerts.domain import owner_of
from services.alerts.index import EXACT, AlertIndex, Found, Question, alerts_of
from services.alerts.life import OVER
from services.alerts.store import alert_message, alerts_key, history_of
from services.runtime.parameters import BadParameter, limit_of
from services.runtime.settings import PARTITIONS

_CHOICES: Final = {
    "kind": get_args(AlertKind),
    "state": get_args(AlertState),
    "severity": get_args(Severity),
    "urgency": get_args(Urgency),
    "level": get_args(Level),
    "status": get_args(Status),
    "domain": get_args(Domain),
    "plan": get_args(Plan),
    "measure": get_args(Measure),
}
_OPEN: Final = tuple(state for state in get_args(AlertState) if state not in OVER)
_OTHERS: Final = ("open", "area", "since", "after", "limit")


class Page(NamedTuple):
    """An answer: the alerts as JSON objects, how many there are in all, the place to go on after, and a tag that is
    another once any of it has changed."""

    found: Found
    etag: str
    next: str | None

    async def body(self, redis: Redis) -> bytes:
        """The alerts as one JSON array."""
        return b"[" + b",".join(await alerts_of(redis, self.found.ids)) + b"]"


async def alerts(index: AlertIndex, parameters: Mapping[str, str]) -> Page:
    """The alerts that agree with every parameter. Raises BadParameter.

    kind, state, severity, urgency, level, status, rule, domain, plan, measure, item_class, lab_id, assignee, sample_id,
    alert_id: the value, or several with commas between. open=true: not closed or cancelled. area: how the region
    begins. since: changed at that time or later. limit: at most so many; after: where the last page ended.
    """
    question = _parse(parameters)
    await index.refresh()
    found = index.find(question)
    tag = blake2b(repr((found.total, found.ids, found.sequences)).encode(), digest_size=12).hexdigest()
    more = question.limit is not None and len(found.ids) == question.limit and found.last is not None
    return Page(found, f'"{tag}"', f"{found.last[0]}-{found.last[1]}" if more and found.last else None)


async def alert(redis: Redis, alert_id: str) -> dict[str, Any] | None:
    """One alert with its history under `history`; None if there is none of that id."""
    owner = owner_of(alert_id)
    if owner is None or owner >= PARTITIONS:
        return None
    packed = await cast(Any, redis.hget(alerts_key(owner), alert_id))
    if packed is None:
        return None
    found: dict[str, Any] = json.loads(alert_message(packed, alert_id))
    return {**found, "history": await history_of(redis, found)}


def _parse(parameters: Mapping[str, str]) -> Question:
    exact: dict[str, tuple[str, ...]] = {}
    for name, value in parameters.items():
        if name not in EXACT and name not in _OTHERS:
            raise BadParameter(name, "is not a parameter of alerts")
        if name in EXACT:
            exact[name] = tuple(value.split(",")) if name in _CHOICES else (value,)
            for one in exact[name]:
                if name in _CHOICES and one not in _CHOICES[name]:
                    raise BadParameter(name, f"is {one!r}, not one of {', '.join(_CHOICES[name])}")
    if (wanted := parameters.get("open")) is not None:
        if wanted not in ("true", "false"):
            raise BadParameter("open", f"is {wanted!r}, neither true nor false")
        states = _OPEN if wanted == "true" else OVER
        exact["state"] = tuple(state for state in exact.get("state", states) if state in states)
    return Question(exact, parameters.get("area", ""), _since(parameters), _after(parameters), limit_of(parameters))


def _since(parameters: Mapping[str, str]) -> int:
    text = parameters.get("since")
    if text is None:
        return 0
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadParameter("since", f"is {text!r}, not a time such as 2026-03-01T08:00:00+08:00") from None


def _after(parameters: Mapping[str, str]) -> tuple[int, int] | None:
    text = parameters.get("after")
    if text is None:
        return None
    moment, _, tie = text.partition("-")
    if not (moment.isdecimal() and tie.isdecimal() and len(text) < 40):
        raise BadParameter("after", f"is {text!r}, not where a page ended")
    return int(moment), int(tie)
