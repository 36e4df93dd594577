"""The state of alerts in Redis, one hash each: alerts by id, what was seen of each sample, marks of commands taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import msgpack
from redis.asyncio import Redis

from schemas.alerts import AlertEvent
from services.runtime.settings import PARTITIONS
from services.runtime.stage import state_key

STAGE = "alerts"
_SCAN = 500


class Seen(NamedTuple):
    """What was seen of a sample: the highest revision of its verdict, and its alerts' ids by item class."""

    revision: int
    alerts: Mapping[str, str]


@dataclass(slots=True)
class AlertsState:
    """The part of the state that a batch needs."""

    seen: dict[str, Seen] = field(default_factory=dict)
    alerts: dict[str, AlertEvent] = field(default_factory=dict)
    marks: dict[str, bytes] = field(default_factory=dict)


def alerts_key(partition: int) -> str:
    """alert_id -> the alert as it stands."""
    return state_key(STAGE, partition, "alerts")


def seen_key(partition: int) -> str:
    """sample_id -> Seen."""
    return state_key(STAGE, partition, "seen")


def marks_key(partition: int) -> str:
    """alert_id -> the marks of the commands taken, eight bytes each."""
    return state_key(STAGE, partition, "marks")


async def load(redis: Redis, partition: int, samples: Iterable[str], alert_ids: Iterable[str]) -> AlertsState:
    """What is known of those samples with their alerts, and of those alerts."""
    state = AlertsState()
    for name, packed in await _fields(redis, seen_key(partition), samples):
        state.seen[name] = Seen(*msgpack.unpackb(packed))
    wanted = {*alert_ids, *(alert for seen in state.seen.values() for alert in seen.alerts.values())}
    for name, packed in await _fields(redis, alerts_key(partition), wanted):
        state.alerts[name] = AlertEvent.model_validate_json(packed)
    state.marks.update(await _fields(redis, marks_key(partition), alert_ids))
    return state


async def _fields(redis: Redis, key: str, names: Iterable[str]) -> list[tuple[str, bytes]]:
    unique = list(dict.fromkeys(names))
    if not unique:
        return []
    values = await cast(Any, redis.hmget(key, unique))
    return [(name, value) for name, value in zip(unique, values, strict=True) if value is not None]


def pack_seen(seen: Seen) -> bytes:
    """What was seen of a sample as msgpack."""
    return cast(bytes, msgpack.packb([seen.revision, seen.alerts]))


def pack_alert(alert: AlertEvent) -> bytes:
    """An alert as JSON."""
    return alert.model_dump_json(exclude_none=True).encode()


async def all_alerts(redis: Redis) -> AsyncIterator[bytes]:
    """Every alert as JSON, in no order."""
    for partition in range(PARTITIONS):
        async for _, packed in redis.hscan_iter(alerts_key(partition), count=_SCAN):
            yield packed
