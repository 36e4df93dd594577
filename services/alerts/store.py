"""The state of alerts in Redis: a hash each for the alerts, what was seen of their subjects, commands taken, histories.

An alert is kept as the message that says how it stands, compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import msgpack
import msgspec
from redis.asyncio import Redis

from schemas.alerts import SENDER, AlertEvent
from schemas.values import REDACTED
from services.alerts.escalation import first_level
from services.alerts.values import Alert, milliseconds_of, text_of
from services.runtime.blocks import Blocks, Held
from services.runtime.codec import DamagedValue, codec_of
from services.runtime.fields import read_fields
from services.runtime.stage import state_key

STAGE = "alerts"
#: Of so many of the latest versions of the ledger the alerts that moved are listed, where they were no more than MOST.
RING, MOST = 512, 200


class Seen(NamedTuple):
    """What was seen of a sample: the highest revision of its verdict, and its alerts' ids by item class."""

    revision: int
    alerts: Mapping[str, str]


class Followed(NamedTuple):
    """What was seen of a deadline, or of a detector's subject: the highest revision, and the latest alert's id."""

    revision: int
    alert: str | None


class Past(NamedTuple):
    """One transition in an alert's history; `at` in milliseconds."""

    transition: str
    state: str
    level: str
    at: int
    by: str
    reason: str | None


@dataclass(slots=True)
class AlertsState:
    """The part of the state that a batch needs."""

    seen: Held[Seen] = field(default_factory=Held)
    followed: dict[str, Followed] = field(default_factory=dict)
    alerts: dict[str, AlertEvent] = field(default_factory=dict)
    marks: dict[str, bytes] = field(default_factory=dict)
    histories: dict[str, list[Past]] = field(default_factory=dict)


def alerts_key(partition: int) -> str:
    """alert_id -> the alert as it stands."""
    return state_key(STAGE, partition, "alerts")


def seen_key(partition: int) -> str:
    """Of each sample, Seen, in blocks (services/runtime/blocks.py)."""
    return state_key(STAGE, partition, "seen_blocks")


def followed_key(partition: int) -> str:
    """deadline or detector's subject -> Followed."""
    return state_key(STAGE, partition, "followed")


def marks_key(partition: int) -> str:
    """alert_id -> the marks of the commands taken, eight bytes each."""
    return state_key(STAGE, partition, "marks")


def histories_key(partition: int) -> str:
    """alert_id -> what happened to it, without the beginning and only where there is more."""
    return state_key(STAGE, partition, "histories")


def moved_key(partition: int) -> str:
    """version of the ledger, modulo RING -> that version, and the alerts that moved in it (Moved)."""
    return state_key(STAGE, partition, "moved")


async def load(
    redis: Redis, partition: int, samples: Iterable[str], subjects: Iterable[str], alert_ids: Iterable[str]
) -> AlertsState:
    """What is known of those samples and subjects with their alerts, and of those alerts."""
    state = AlertsState(await SEEN.load(redis, seen_key(partition), samples))
    wanted = set(alert_ids)
    for seen in state.seen.values():
        wanted.update(seen.alerts.values())
    for name, packed in await read_fields(redis, followed_key(partition), subjects):
        state.followed[name] = followed = Followed(*msgpack.unpackb(packed))
        if followed.alert is not None:
            wanted.add(followed.alert)
    for name, packed in await read_fields(redis, alerts_key(partition), wanted):
        state.alerts[name] = _decode(alert_message(packed, name))
    for name, packed in await read_fields(redis, histories_key(partition), wanted):
        state.histories[name] = unpack_history(packed)
    state.marks.update(await read_fields(redis, marks_key(partition), alert_ids))
    return state


_codec = codec_of("alerts")
_decode = msgspec.json.Decoder(Alert).decode


def pack_alert(message: bytes) -> bytes:
    """The message that says how an alert stands, as it is kept; `alert_message` is its inverse."""
    return _codec.pack(message)


def alert_message(kept: bytes, alert_id: str) -> bytes:
    """The message, as JSON, that `pack_alert` was given; raises DamagedValue."""
    if kept.startswith(b"{"):  # kept before alerts were compressed; no dictionary has its number
        return kept
    try:
        return _codec.unpack(kept)
    except DamagedValue as error:
        raise DamagedValue(f"the alert {alert_id} {error}") from None


def _pack_seen(seen: Seen) -> bytes:
    return cast(bytes, msgpack.packb(seen))


def _unpack_seen(packed: bytes, _sample_id: str) -> Seen:
    return Seen(*msgpack.unpackb(packed))


SEEN = Blocks("verdicts seen", _pack_seen, _unpack_seen)


def pack_followed(followed: Followed) -> bytes:
    """What was seen of a subject as msgpack."""
    return cast(bytes, msgpack.packb(followed))


def past_of(alert: AlertEvent) -> Past:
    """The transition that an alert's message is about."""
    at = milliseconds_of(alert.changed_at)
    return Past(alert.transition, alert.state, alert.level, at, alert.changed_by, alert.reason)


def without_people(history: Iterable[Past]) -> list[Past]:
    """A history that says what happened and not who did it, nor what they wrote; services name nobody but here."""
    return [
        past._replace(reason=None if past.transition == "ack_expired" else past.reason)
        if past.by.startswith(SENDER)
        else past._replace(by=REDACTED, reason=None)
        for past in history
    ]


def pack_history(history: Sequence[Past]) -> bytes:
    """A history as msgpack; `unpack_history` is its inverse."""
    return cast(bytes, msgpack.packb(history))


def unpack_history(packed: bytes) -> list[Past]:
    """Reads what `pack_history` wrote."""
    return [Past(*entry) for entry in msgpack.unpackb(packed)]


def pack_moved(version: int, alert_ids: Sequence[str]) -> bytes:
    """The alerts that moved in a version, without their names where they are too many to list."""
    return cast(bytes, msgpack.packb([version, list(alert_ids) if len(alert_ids) <= MOST else None]))


async def history_of(redis: Redis, alert: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Everything that happened to an alert, as JSON objects, the first thing first."""
    partition = int(alert["alert_id"][:2])
    packed = await cast(Any, redis.hget(histories_key(partition), alert["alert_id"]))
    later = unpack_history(packed) if packed else []
    first = Past("raised", "raised", first_level(alert["area"]), 0, SENDER, None)
    raised = {**first._asdict(), "at": alert["raised_at"]}
    return [
        {name: value for name, value in entry.items() if value is not None}
        for entry in (raised, *({**past._asdict(), "at": text_of(past.at)} for past in later))
    ]
