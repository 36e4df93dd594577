"""The state of dispatch and delivery in Redis, as msgpack, compressed where it holds whole alerts.

dispatch: `reached` alert_id -> [sequence, destinations]. deliver: `groups`, `heard` (destination|alert), `sources`,
`planned`, `failing`, and one hash `members:<group>` for each group. Beside them the sender keeps `claims`: how many
times a message was begun to be sent without an end that is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgpack
from redis.asyncio import Redis
from zstandard import ZstdCompressor, ZstdDecompressor

from services.alerts.notify.deliveries import EVERYWHERE, Deliveries, Heard, Key
from services.alerts.notify.groups import Group, Line, Member, Planned
from services.alerts.notify.items import Item, Told
from services.runtime.fields import read_fields
from services.runtime.stage import Changes, state_key

DISPATCH, DELIVER = "dispatch", "deliver"

#: What holds whole alerts is compressed: half the memory, for ten microseconds each.
_squeeze = ZstdCompressor(level=3).compress
_unsqueeze = ZstdDecompressor().decompress


def reached_key(partition: int) -> str:
    """alert_id -> the highest sequence dispatched, and the destinations that the alert has reached."""
    return state_key(DISPATCH, partition, "reached")


def key_of(partition: int, name: str, *parts: str) -> str:
    """A hash of the deliver stage."""
    return state_key(DELIVER, partition, name, *parts)


async def load_reached(redis: Redis, partition: int, alert_ids: Iterable[str]) -> dict[str, tuple[int, list[str]]]:
    """What has been dispatched of those alerts."""
    found = await read_fields(redis, reached_key(partition), alert_ids)
    return {name: cast(tuple[int, list[str]], tuple(msgpack.unpackb(packed))) for name, packed in found}


async def load_touched(redis: Redis, partition: int, keys: Iterable[Key], deliveries: Sequence[Any]) -> Deliveries:
    """The state that notifications of those keys and those deliveries touch."""
    state = Deliveries()
    about = [Key(delivery.destination, told.alert_id) for delivery in deliveries for told in delivery.alerts]
    wanted = {str(key): key for key in (*keys, *about)}
    for name, packed in await read_fields(redis, key_of(partition, "heard"), wanted):
        state.heard[wanted[name]] = _unpack_heard(packed)
    sources = [key.alert_id for key in wanted.values() if key.destination == EVERYWHERE]
    for name, packed in await read_fields(redis, key_of(partition, "sources"), sources):
        state.sources[name] = _unpack_item(msgpack.unpackb(_unsqueeze(packed)))
    ids = [delivery.delivery_id for delivery in deliveries]
    for name, packed in await read_fields(redis, key_of(partition, "planned"), ids):
        state.planned[name] = unpack_planned(name, packed)
    failing = {delivery.destination for delivery in deliveries}
    for name, packed in await read_fields(redis, key_of(partition, "failing"), failing):
        state.failing[name] = int(packed)
    return state


async def load_groups(redis: Redis, partition: int, group_ids: Iterable[str], state: Deliveries) -> None:
    """Adds groups, without their members."""
    for name, packed in await read_fields(redis, key_of(partition, "groups"), group_ids):
        state.groups[name] = _unpack_group(name, packed)


async def load_digested(redis: Redis, partition: int, keys: Iterable[Key], state: Deliveries) -> None:
    """Adds those of the alerts that are members of digests already; their groups are at hand."""
    named: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        group = state.groups.get(state.heard[key].group_id) if key in state.heard else None
        if group is not None and group.digest:
            named[group.group_id].append(key.alert_id)
    for group_id, alert_ids in named.items():
        for name, packed in await read_fields(redis, key_of(partition, "members", group_id), alert_ids):
            state.members[group_id][name] = _unpack_member(packed)


async def load_due(redis: Redis, partition: int, group_ids: Sequence[str]) -> Deliveries:
    """Whole groups, what was told of their members, and every open alert that may inhibit."""
    state = Deliveries()
    await load_groups(redis, partition, group_ids, state)
    for group in state.groups.values():
        members: dict[bytes, bytes] = await cast(Any, redis.hgetall(key_of(partition, "members", group.group_id)))
        state.members[group.group_id] = {name.decode(): _unpack_member(packed) for name, packed in members.items()}
    keys = {
        str(key): key
        for group in state.groups.values()
        for key in (Key(group.destination, alert_id) for alert_id in state.members[group.group_id])
    }
    for name, packed in await read_fields(redis, key_of(partition, "heard"), keys):
        state.heard[keys[name]] = _unpack_heard(packed)
    sources: dict[bytes, bytes] = await cast(Any, redis.hgetall(key_of(partition, "sources")))
    for raw, packed in sources.items():
        state.sources[raw.decode()] = _unpack_item(msgpack.unpackb(_unsqueeze(packed)))
    return state


def note_changes(changes: Changes, partition: int, state: Deliveries) -> None:
    """Adds what has changed in the state to a batch's changes, with the timers of groups."""
    for kind, name in state.changed:
        if kind == "members":
            group_id, alert_id = name
            member = state.members[group_id].get(alert_id)
            _note(changes, key_of(partition, "members", group_id), alert_id, _pack_member(member) if member else None)
        elif kind == "groups":
            group = state.groups[name]
            _note(changes, key_of(partition, kind), name, _pack_group(group))
            changes.timers[name] = group.wake
        elif kind == "heard":
            _note(changes, key_of(partition, kind), str(name), _pack_heard(state.heard[name]))
        elif kind == "sources":
            _note(changes, key_of(partition, kind), name, _squeeze(_pack(_item_parts(state.sources[name]))))
        elif kind == "planned":
            planned = state.planned.get(name)
            _note(changes, key_of(partition, kind), name, _pack_planned(planned) if planned else None)
            if planned is None:
                changes.delete[key_of(partition, "claims")].append(name)
        else:
            since = state.failing.get(name)
            _note(changes, key_of(partition, kind), name, None if since is None else b"%d" % since)


def _note(changes: Changes, key: str, name: str, packed: bytes | None) -> None:
    if packed is None:
        changes.delete[key].append(name)
    else:
        changes.put[key][name] = packed


def _pack(value: Any) -> bytes:
    return cast(bytes, msgpack.packb(value))


def _pack_group(group: Group) -> bytes:
    timing = [group.wait, group.interval, group.repeat, list(group.digest)]
    return _pack([group.destination, dict(group.labels), *timing, group.number, group.last, group.wake, group.pending])


def _unpack_group(group_id: str, packed: bytes) -> Group:
    destination, labels, wait, interval, repeat, digest, number, last, wake, pending = msgpack.unpackb(packed)
    return Group(group_id, destination, labels, wait, interval, repeat, tuple(digest), number, last, wake, pending)


def _pack_heard(heard: Heard) -> bytes:
    return _pack([heard.group_id, heard.sequence, list(heard.told) if heard.told is not None else None])


def _unpack_heard(packed: bytes) -> Heard:
    group_id, sequence, told = msgpack.unpackb(packed)
    return Heard(group_id, sequence, Told(*told) if told is not None else None)


def _item_parts(item: Item) -> list[Any]:
    return [
        item.alert_id,
        item.sequence,
        item.state,
        item.level,
        item.mark,
        dict(item.labels),
        sorted(item.evidence),
        item.silenced_until,
        item.urgent,
        item.follow_up,
        item.body,
    ]


def _unpack_item(parts: Sequence[Any]) -> Item:
    alert_id, sequence, state, level, mark, labels, evidence, silenced, urgent, follow_up, body = parts
    return Item(alert_id, sequence, state, level, mark, labels, frozenset(evidence), silenced, urgent, follow_up, body)


def _pack_member(member: Member) -> bytes:
    return _squeeze(_pack([member.due, _item_parts(member.item)]))


def _unpack_member(packed: bytes) -> Member:
    due, parts = msgpack.unpackb(_unsqueeze(packed))
    return Member(_unpack_item(parts), due)


def _pack_planned(planned: Planned) -> bytes:
    head = [planned.destination, planned.group_id, dict(planned.labels), planned.number, planned.at]
    return _squeeze(_pack([*head, [[line.news, _item_parts(line.item)] for line in planned.lines]]))


def unpack_planned(planned_id: str, packed: bytes) -> Planned:
    """A planned message as `note_changes` wrote it."""
    destination, group_id, labels, number, at, lines = msgpack.unpackb(_unsqueeze(packed))
    told = tuple(Line(news, _unpack_item(parts)) for news, parts in lines)
    return Planned(planned_id, destination, group_id, labels, number, at, told)
